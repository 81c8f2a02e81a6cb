// Types of libllm. What the library tells is in snake_case, as providers write it; what this package adds is in camelCase.
// Long: a package has one page of types, which editors show and readers search as one.

import type { Dropped, ErrorKind, FinishReason, Open, PartKind, RouteReason, Usage } from './generated';

export type { Dropped, ErrorKind, FinishReason, PartKind, RouteReason, Usage };

// ---- Requests: Chat Completions' shape. Keys that are not here go to the provider as they are.

export interface ContentPart {
  type: Open<'text' | 'image_url' | 'input_audio' | 'file'>;
  text?: string;
  image_url?: { url: string; detail?: Open<'auto' | 'low' | 'high'> };
  input_audio?: { data: string; format: Open<'wav' | 'mp3'> };
  [key: string]: unknown;
}

export interface ToolCall {
  /** Goes back in the tool message's `tool_call_id`. */
  id: string;
  type: 'function';
  function: {
    name: string;
    /** JSON text, as the model wrote it. */
    arguments: string;
  };
}

export interface SystemMessage {
  role: 'system' | 'developer';
  content: string | ContentPart[];
  name?: string;
}

export interface UserMessage {
  role: 'user';
  content: string | ContentPart[];
  name?: string;
}

export interface AssistantMessage {
  role: 'assistant';
  content?: string | ContentPart[] | null;
  reasoning?: string | null;
  refusal?: string | null;
  tool_calls?: ToolCall[];
  /** What must go back as it came: signatures and the like. Append the answer's `message` and it does. */
  libllm_parts?: unknown[];
  name?: string;
}

export interface ToolMessage {
  role: 'tool';
  content: string | ContentPart[];
  tool_call_id: string;
}

export type Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage;

export interface Tool {
  type: 'function';
  function: {
    name: string;
    description?: string;
    /** A JSON schema. */
    parameters?: Record<string, unknown>;
    strict?: boolean;
  };
}

export interface ChatRequest {
  /** PROVIDER/MODEL, or an alias of the configuration; without it, the configuration's `default_model`. */
  model?: string;
  messages: Message[];
  tools?: Tool[];
  tool_choice?: Open<'auto' | 'none' | 'required'> | { type: 'function'; function: { name: string } };
  parallel_tool_calls?: boolean;
  max_tokens?: number;
  max_completion_tokens?: number;
  temperature?: number;
  top_p?: number;
  n?: number;
  stop?: string | string[];
  seed?: number;
  presence_penalty?: number;
  frequency_penalty?: number;
  logit_bias?: Record<string, number>;
  logprobs?: boolean;
  top_logprobs?: number;
  reasoning_effort?: Open<'none' | 'minimal' | 'low' | 'medium' | 'high'>;
  response_format?:
    | { type: 'text' }
    | { type: 'json_object' }
    | { type: 'json_schema'; json_schema: { name: string; schema?: Record<string, unknown>; strict?: boolean } };
  service_tier?: Open<'auto' | 'default' | 'flex' | 'priority'>;
  user?: string;
  metadata?: Record<string, string>;
  [key: string]: unknown;
}

// ---- Options. Times are milliseconds; Infinity is no limit.

export interface RequestOptions {
  /** Closes the request upstream when it is aborted; the caller gets an APIUserAbortError. */
  signal?: AbortSignal | null;
  /** Ask this provider; the request's model is then its own name for it. */
  provider?: string;
  /** What is asked; "chat" if left out. "warm" sends nothing and has a connection stand. */
  operation?: Open<'chat' | 'completion' | 'responses' | 'warm' | keyof Operations>;
  /** The whole request, retries included. */
  timeout?: number;
  /** Until the first token; then the next target is tried. */
  firstTokenTimeout?: number;
  /** Between two pieces of an answer. */
  idleTimeout?: number;
  /** Attempts beyond the first, over all targets. */
  maxRetries?: number;
  /** All attempts, over all targets. */
  maxAttempts?: number;
  /** Models or aliases that are asked after the request's own. */
  fallbacks?: string[];
  /** What happens to an answer that is cut after its first piece. */
  onPartial?: Open<'error'>;
  /** A parameter that a provider cannot take: leave it out and report that, refuse, or send it all the same. */
  unsupported?: Open<'drop' | 'error' | 'pass'>;
  /** Hold the request against what is known of the model before it is sent. */
  checkLimits?: boolean;
  /** Added to every attempt. */
  headers?: Record<string, string> | Iterable<[string, string]>;
  /** Another place for the first target's provider. */
  baseURL?: string;
  /** The key for that place, or for the first target's provider. */
  apiKey?: string;
  /** Sent as `Idempotency-Key`. */
  idempotencyKey?: string;
  /** Merged into the request's body last. */
  extraBody?: Record<string, unknown>;
  /** How the model's targets are chosen among, this once, such as "latency". */
  strategy?: string;
  /** Words that rules look at. */
  tags?: string[];
  /** Whose conversation it is: what should stay at one target does. */
  session?: string;
  /** On whose behalf the request is made: rules, limits and budgets look at it. */
  tenant?: string;
  /** More words that rules look at, by name. */
  metadata?: Record<string, string>;
  /** The trace that it belongs to, as the headers of these names say it (W3C Trace Context). */
  traceparent?: string;
  tracestate?: string;
  /** Also the provider's own chunks, as `raw` events. */
  raw?: boolean;
  /** False: one event for each delta, even when the reader lags. */
  coalesce?: boolean;
  /** False: neither read nor fill the cache; true: use it; "refresh": ask anew and keep the answer; or more of that. */
  cache?: boolean | 'refresh' | CacheUse;
  /** The whole text in the `done` event's message too. */
  message?: boolean;
  /** Keys of the library's `options_json` that are not named here (docs/config.md). */
  options?: Record<string, unknown>;
}

/** The configuration (docs/config.md) as an object, TOML or JSON text, or "@PATH" of a file; null reads the environment. */
export type Config = string | Record<string, unknown> | null;

/** What the library asks (docs/hooks.md): [hooks] in the configuration, and `api_key = "ask"`. */
export interface Question {
  id: number;
  kind: Open<'before' | 'token' | 'attempt' | 'after'>;
  /** PROVIDER/MODEL, and its parts. */
  target?: string;
  provider?: string;
  model?: string;
  /** Of `token` and `attempt`; 1 for the first try. */
  attempt?: number;
  /** How long the answer may take. */
  deadline_ms: number;
  /** Of `before`: the request as it was given; and its format, if it came by fetch(). */
  request?: ChatRequest;
  dialect?: string;
  /** Of `after`: the name of the status, and what the last event would say. */
  status?: string;
  outcome?: Record<string, unknown>;
}

type Said<T> = T | undefined | void | Promise<T | undefined | void>;

/** They run on this thread. What one throws ends the request with its words; what answers nothing goes on. */
export interface Hooks {
  before?(question: Question): Said<{ request?: ChatRequest }>;
  token?(question: Question): Said<{ api_key: string }>;
  attempt?(question: Question): Said<{ headers?: Record<string, string>; api_key?: string }>;
  after?(question: Question): Said<Record<string, never>>;
}

/** How one request uses the cache (docs/cache.md). */
export interface CacheUse {
  /** Ask all the same, and keep the answer in the place of what was there. */
  refresh?: boolean;
  /** How many seconds the answer is kept. */
  ttl?: number;
  /** Words by which `cache.invalidate` finds the answer. */
  tags?: string[];
  /** A name for what is asked: requests of one name to one model are one question, whatever they say. */
  key?: string;
  /** Whether the answer to a question that is almost the same will do, where the configuration finds such. */
  semantic?: boolean;
}

export interface ClientOptions extends RequestOptions {
  config?: Config;
  /** Answers what the configuration has the library ask. */
  hooks?: Hooks;
}

// ---- Events of a stream

/** A piece of the answer. */
export interface TextEvent {
  type: 'text';
  text: string;
  choice: number;
}

/** A piece of the model's reasoning. */
export interface ReasoningEvent {
  type: 'reasoning';
  text: string;
  choice: number;
}

/** A piece of a refusal; never part of the text. */
export interface RefusalEvent {
  type: 'refusal';
  text: string;
  choice: number;
}

/** Tool call number `index` begins. */
export interface ToolCallEvent {
  type: 'tool_call';
  id: string;
  name: string;
  index: number;
  choice: number;
}

/** A piece of the arguments of tool call number `index`, as JSON text. */
export interface ToolArgsEvent {
  type: 'tool_args';
  arguments: string;
  index: number;
  choice: number;
}

/** What must be sent back as it came but is no text: signatures, citations, images, audio. */
export interface PartEvent {
  type: 'part';
  data: { kind: PartKind; [key: string]: unknown };
  /** `data` as it came, whose numbers have all their digits. */
  readonly raw_json: string;
  choice: number;
}

/** The provider's own chunk; only with `raw: true`. */
export interface RawEvent {
  type: 'raw';
  data: Uint8Array;
}

/** The answer comes from another attempt than the first: a retry, or another provider. */
export interface ReroutedEvent {
  type: 'rerouted';
  /** PROVIDER/MODEL that failed last. */
  from: string | null;
  /** PROVIDER/MODEL that answers now. */
  to: string;
  reason: RouteReason;
  attempt: number;
  /** Whether what was delivered before is void. */
  voids: boolean;
}

/** The whole answer of an operation that is no conversation: JSON, or bytes of `media_type` of the `done` event. */
export interface ResultEvent {
  type: 'result';
  data: Uint8Array;
}

/** An event of a newer library; safe to ignore. */
export interface UnknownEvent {
  type: 'unknown';
  number: number;
  data: string | Uint8Array;
}

export type StreamEvent =
  | TextEvent
  | ReasoningEvent
  | RefusalEvent
  | ToolCallEvent
  | ToolArgsEvent
  | PartEvent
  | RawEvent
  | ResultEvent
  | ReroutedEvent
  | Done
  | UnknownEvent;

// ---- Answers

/** One try at one target. */
export class Attempt {
  private constructor();
  readonly provider: string;
  readonly model: string;
  /** LLM_OK or a constant such as LLM_ERR_TIMEOUT. */
  readonly llmStatus: string;
  readonly kind: string | null;
  /** HTTP status. */
  readonly status: number | null;
  readonly ms: number;
  readonly message: string | null;
}

/** What one choice said; append it to `messages` for the next turn. */
export interface AnswerMessage {
  role: 'assistant';
  content: string | null;
  reasoning?: string | null;
  refusal?: string | null;
  tool_calls?: ToolCall[];
  libllm_parts?: unknown[];
}

export interface Choice {
  index: number;
  message: AnswerMessage;
  finish_reason: FinishReason | null;
}

interface Account {
  /** The library's own words: JSON, and parsed. */
  readonly raw_json: string;
  readonly told: Record<string, unknown>;
  /** The provider's name for the answer. */
  readonly id: string | null;
  /** The model as the provider named it. */
  readonly model: string | null;
  /** Who answered. */
  readonly provider: string;
  /** PROVIDER/MODEL that was asked. */
  readonly target: string;
  /** Of the first choice. */
  readonly finish_reason: FinishReason | null;
  /** The provider's own word for it. */
  readonly finish_reason_raw: string | null;
  /** Whether the provider sends no sign of the end, so that a cut would not show. */
  readonly incomplete: boolean;
  /** Whether it comes from the cache. */
  readonly cached: boolean;
  readonly usage: Usage;
  /** Null where nobody knows it. */
  readonly cost_usd: number | null;
  /** The provider's, from its headers. */
  readonly request_id: string | null;
  /** Every try, in order; the last one succeeded. */
  readonly attempts: Attempt[];
  /** Milliseconds to the first token. */
  readonly ttft_ms: number | null;
  /** Milliseconds to the end. */
  readonly total_ms: number | null;
  /** Parameters that the provider could not take. */
  readonly dropped: Dropped[];
}

/** The last event of a stream that ended well. */
export interface Done extends Account {}
export class Done {
  private constructor();
  readonly type: 'done';
  toJSON(): { type: 'done'; [key: string]: unknown };
}

/** A whole answer. */
export interface Answer extends Account {}
export class Answer {
  private constructor();
  /** Text of the first choice. */
  readonly text: string;
  /** The first choice's message: the turn to append to `messages`. */
  readonly message: AnswerMessage;
  /** Of the first choice. */
  readonly tool_calls: ToolCall[];
  /** All n answers. */
  readonly choices: Choice[];
  /** Of an operation that is no conversation: its JSON, or bytes of `media_type`; else null. */
  readonly contents: Uint8Array | null;
  /** What `contents` are if they are no JSON, such as "audio/mpeg". */
  readonly media_type: string | null;
  /** `contents`, parsed; null if they are no JSON. */
  readonly result: { [key: string]: unknown } | null;
  /** A chat.completion object, as OpenAI's API would have answered; the library's own words are in `libllm`. */
  toJSON(): { object: 'chat.completion'; choices: Choice[]; [key: string]: unknown };
}

// ---- What is asked beside conversations (docs/operations.md); what is not here comes and goes as it is

export interface EmbeddingsRequest {
  model?: string;
  /** Texts; other things (token lists, pictures) where the provider knows them. */
  input: string | string[] | number[] | number[][] | Record<string, unknown> | Record<string, unknown>[];
  dimensions?: number;
  encoding_format?: Open<'float' | 'base64'>;
  input_type?: Open<'query' | 'document'>;
  user?: string;
  [key: string]: unknown;
}

export interface Embeddings {
  object: 'list';
  data: {
    object: 'embedding';
    /** The text's place in `input`. */
    index: number;
    /** Base64 text if the request says so in `encoding_format`. */
    embedding: number[];
    [key: string]: unknown;
  }[];
  model?: string;
  usage: { prompt_tokens: number | null; total_tokens: number | null };
  [key: string]: unknown;
}

export interface RerankRequest {
  model?: string;
  query: string;
  documents: (string | Record<string, unknown>)[];
  top_n?: number;
  return_documents?: boolean;
  [key: string]: unknown;
}

export interface Ranking {
  /** Best first. */
  results: {
    /** The document's place in the request. */
    index: number;
    relevance_score: number;
    document?: { text?: string; [key: string]: unknown };
    [key: string]: unknown;
  }[];
  [key: string]: unknown;
}

export interface ModelList {
  object: 'list';
  data: { id: string; object: 'model'; [key: string]: unknown }[];
  /** What `page` of the next request is, if there is more. */
  next_page?: string;
  [key: string]: unknown;
}

export interface TokenCount {
  object: 'token_count';
  prompt_tokens: number;
  source: Open<'provider' | 'estimated'>;
}

/** What an operation is asked, and how it is answered. */
export interface Operations {
  embeddings: [EmbeddingsRequest, Embeddings];
  rerank: [RerankRequest, Ranking];
  /** With the option `provider`. */
  models: [{ page?: string; [key: string]: unknown }, ModelList];
  moderation: [
    { model?: string; input: unknown; [key: string]: unknown },
    { results: { flagged: boolean; [key: string]: unknown }[]; [key: string]: unknown },
  ];
  count_tokens: [ChatRequest, TokenCount];
  images: [
    { model?: string; prompt: string; [key: string]: unknown },
    { data: { b64_json?: string; url?: string; [key: string]: unknown }[]; [key: string]: unknown },
  ];
  speech: [{ model?: string; input: string; voice?: unknown; [key: string]: unknown }, { data: Uint8Array; media_type: string | null }];
  transcription: [
    { model?: string; file: string | { data: string; filename?: string; content_type?: string }; [key: string]: unknown },
    { text: string; [key: string]: unknown },
  ];
  explain: [ChatRequest, { object: 'route'; candidates: { target: string; [key: string]: unknown }[]; [key: string]: unknown }];
}

// ---- Streams

/** One answer's events, in order, for one reader. `for await` and `await using` close it upstream when they are left early. */
export interface EventReader extends AsyncIterableIterator<StreamEvent> {
  next(): Promise<IteratorResult<StreamEvent, undefined>>;
  return(value?: unknown): Promise<IteratorResult<StreamEvent, undefined>>;
  throw(error?: unknown): Promise<IteratorResult<StreamEvent, undefined>>;
  [Symbol.asyncIterator](): this;
  [Symbol.asyncDispose](): Promise<void>;
  /** Only the text of choice 0, piece by piece: those of others do not come between. */
  readonly textStream: AsyncIterableIterator<string>;
  /** Only the text of this choice of several (`n`, or a race all of whose answers count). */
  textOf(choice: number): AsyncIterableIterator<string>;
  /** Reads to the end; the whole answer. Rejects with what reading would have thrown. */
  final(): Promise<Answer>;
  /** Two readers of the same events; each event is kept until both have read it, so read both. */
  tee(): [EventReader, EventReader];
  /** Server-sent events, one JSON object each; an error is an event named `error`. `raw` and `result` events are left out. */
  toReadableStream(): ReadableStream<Uint8Array>;
  /** toReadableStream() as the body of a Response. */
  toResponse(init?: ResponseInit): Response;
  /** Closes the stream upstream. Who reads it gets an APIUserAbortError. */
  cancel(): void;
  /** Closes the stream upstream. Who reads it gets the end. */
  close(): void;
}

export interface Stream extends EventReader {}
export class Stream {
  private constructor();
}

// ---- The client

/**
 * Answers from any provider. Make one and share it; its streams need no threads. The process stays while an answer is on its way, and
 * exits when none is.
 */
export class LLM {
  constructor(options?: ClientOptions);
  /** The whole answer to a request, or to a model's name and a prompt. */
  chat(request: ChatRequest, options?: RequestOptions): Promise<Answer>;
  chat(model: string, prompt: string | Message[], options?: RequestOptions): Promise<Answer>;
  /** Vectors of texts, in OpenAI's shape: the numbers are `data[0].embedding`. */
  embed(request: EmbeddingsRequest, options?: RequestOptions): Promise<Embeddings>;
  embed(model: string, texts: string | string[], options?: RequestOptions): Promise<Embeddings>;
  /** What is no conversation: rankings, lists of models, pictures, speech. */
  ask<Name extends keyof Operations>(
    operation: Name,
    request?: Operations[Name][0],
    options?: RequestOptions,
  ): Promise<Operations[Name][1]>;
  /** One that a newer library knows. */
  ask(operation: string, request?: Record<string, unknown>, options?: RequestOptions): Promise<Record<string, unknown>>;
  /** The answer's events as they come. Throws what the library refuses at once. */
  stream(request: ChatRequest, options?: RequestOptions): Stream;
  stream(model: string, prompt: string | Message[], options?: RequestOptions): Stream;
  /**
   * fetch() for an SDK of OpenAI's or Anthropic's: its requests are routed by their `model`, translated where the provider speaks
   * another dialect, and answered in the SDK's own. Bound: `new OpenAI({ fetch: llm.fetch, maxRetries: 0 })`.
   */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /** The same client with other defaults. */
  withOptions(options: RequestOptions): LLM;
  /** Replaces keys, routes and limits at once; requests in flight keep theirs. */
  reload(config?: Config): void;
  /** Counters and histograms. */
  metrics(format?: 'json' | 'prometheus'): string;
  /** Refuses new requests and waits for those in flight, `timeout` milliseconds at most; then cancels the rest. */
  drain(options?: { timeout?: number }): Promise<void>;
  /** Cancels what is in flight. Never blocks. */
  close(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface Logger {
  error?(line: string): void;
  warn?(line: string): void;
  info?(line: string): void;
  debug(line: string): void;
  trace?(line: string): void;
}

export type LogLevel = 'off' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** Sends the process's log, up to `level` (info), to `logger` on this thread; null ends that. The last call in the process counts. */
export function setLogger(logger: Logger | null, level?: LogLevel): void;

/** Of the library inside, such as "0.1.0 (rustls; linux-x86_64)". */
export function libraryVersion(): string;

/** Of this package. */
export const version: string;

// ---- Errors

/** The root of every error of this package. What nobody told is null. */
export class LLMError extends Error {
  /** The library's constant, such as "LLM_ERR_TIMEOUT". */
  readonly llmStatus: string;
  /** Small and stable, such as "rate_limited". */
  readonly kind: ErrorKind;
  /** The provider's own words. */
  readonly code: string | null;
  readonly type: string | null;
  readonly param: string | null;
  /** HTTP status. */
  readonly status: number | null;
  readonly requestId: string | null;
  /** `requestId`, by the name that openai-node uses. */
  readonly requestID: string | null;
  readonly provider: string | null;
  readonly model: string | null;
  /** Seconds to wait before asking again. */
  readonly retryAfter: number | null;
  /** Whether asking again may help. */
  readonly isRetryable: boolean;
  /** Where it happened. */
  readonly phase: Open<'local' | 'connect' | 'send' | 'first_item' | 'stream' | 'consumer'> | null;
  /** Every try, in order. */
  readonly attempts: Attempt[];
  /** Text that had been delivered. */
  readonly partialText: string;
  /** The provider's answer, cut to 64 KiB. */
  readonly rawBody: string | null;
  /** Everything above as the library told it. */
  readonly rawJson: string;
}

/** A configuration, an option or a model name that the library does not know. */
export class ConfigError extends LLMError {}
/** A request that is no request: malformed, or without messages. */
export class InvalidArgumentError extends LLMError {}
/** Not in this build, or not by this provider. */
export class UnsupportedError extends LLMError {}
/** The client was closed. */
export class ClosedError extends LLMError {}
/** A limit of the configuration is reached, or two readers read one stream. */
export class BusyError extends LLMError {}
/** The client was made before fork(). */
export class ForkedError extends LLMError {}
/** A fault of the library, or memory that could not be had. */
export class InternalError extends LLMError {}

/** What came of a request that was made. */
export class APIError extends LLMError {}
/** 400 and its like: the same request will fail again. */
export class BadRequestError extends APIError {}
/** 404: no such model or place. */
export class NotFoundError extends BadRequestError {}
/** 409. */
export class ConflictError extends BadRequestError {}
/** 422. */
export class UnprocessableEntityError extends BadRequestError {}
/** The prompt does not fit the model. */
export class ContextLengthError extends BadRequestError {}
/** Refused by the provider's moderation. */
export class ContentFilterError extends BadRequestError {}
/** 401, or no key at all. */
export class AuthenticationError extends APIError {}
/** 403. */
export class PermissionDeniedError extends APIError {}
/** 429: see `retryAfter`. */
export class RateLimitError extends APIError {}
/** Out of credit: waiting does not help. */
export class QuotaExceededError extends RateLimitError {}
/** A spending limit of the configuration. */
export class BudgetExceededError extends RateLimitError {}
/** 5xx. */
export class InternalServerError extends APIError {}
/** 529, or an overload told inside an answer. */
export class OverloadedError extends InternalServerError {}
/** DNS, TCP, TLS or a proxy. */
export class APIConnectionError extends APIError {}
/** A deadline passed; `phase` says which part took too long. */
export class APITimeoutError extends APIConnectionError {}
/** The answer was cut; `partialText` has what came. */
export class StreamInterruptedError extends APIError {}
/** The stream was left unread too long. */
export class ConsumerStalledError extends StreamInterruptedError {}
/** The provider sent what cannot be understood. */
export class APIResponseValidationError extends APIError {}
/** The request was cancelled; `cause` is the signal's reason. */
export class APIUserAbortError extends APIError {}
/** No target was left to ask; see `attempts`. */
export class NoRouteError extends APIError {}
/** Every target's circuit breaker is open. */
export class CircuitOpenError extends NoRouteError {}
