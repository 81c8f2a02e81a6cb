// What the types promise; checked by tsd.
import { expectAssignable, expectError, expectNotAssignable, expectType } from 'tsd';
import {
  type AnswerMessage, type ChatRequest, type Embeddings, type EventReader, type FinishReason, type Message, type ModelList,
  type Ranking, type StreamEvent, type ToolCall, Answer, APIConnectionError, APIError, APITimeoutError, Attempt, Done, LLM, LLMError, RateLimitError, setLogger, Stream,
} from '../..';

const llm = new LLM({ config: { default_model: 'mock/echo' }, maxRetries: 1 });
expectType<Promise<Answer>>(llm.chat('mock/echo', 'hi'));
expectType<Promise<Answer>>(llm.chat('mock/echo', [{ role: 'user', content: 'hi' }], { timeout: 5 }));
expectType<Stream>(llm.stream({ messages: [{ role: 'user', content: 'hi' }] }, { signal: AbortSignal.timeout(1) }));
expectType<LLM>(llm.withOptions({ fallbacks: ['mock/echo'] }));
expectError(llm.chat('mock/echo'));
expectError(llm.chat('mock/echo', 'hi', { temprature: 1 }));
expectError(llm.chat({ model: 'mock/echo' }));
expectError(new LLM({ timeout: '5' }));
// @ts-expect-error: only the library makes these.
new Answer();
// @ts-expect-error
new Stream();

// A request's own keys are checked, unknown ones pass.
expectAssignable<ChatRequest>({ model: 'm', messages: [], thinking_budget: 5 });
expectNotAssignable<ChatRequest>({ messages: [], temperature: 'hot' });
expectNotAssignable<Message>({ role: 'tool', content: 'no id' });
expectAssignable<ChatRequest>({ messages: [], reasoning_effort: 'a-new-word' });
expectAssignable<FinishReason>('length');
expectAssignable<FinishReason>('a-new-word');

// Events are told apart by their type.
declare const event: StreamEvent;
switch (event.type) {
  case 'text':
  case 'reasoning':
  case 'refusal':
    expectType<string>(event.text);
    break;
  case 'tool_call':
    expectType<string>(event.id);
    expectError(event.text);
    break;
  case 'tool_args':
    expectType<string>(event.arguments);
    expectType<number>(event.index);
    break;
  case 'rerouted':
    expectType<string | null>(event.from);
    break;
  case 'part':
    expectType<unknown>(event.data['data']);
    break;
  case 'raw':
    expectType<Uint8Array>(event.data);
    break;
  case 'result':
    expectType<Uint8Array>(event.data);
    break;
  case 'done':
    expectType<Done>(event);
    expectType<number | null>(event.cost_usd);
    expectType<Attempt[]>(event.attempts);
    break;
  case 'unknown':
    expectType<number>(event.number);
    break;
  default:
    expectType<never>(event);
}

// Operations: each is asked and answered in its own shape.
expectType<Promise<Embeddings>>(llm.embed('m', ['a', 'b'], { timeout: 5 }));
expectType<Promise<Embeddings>>(llm.embed({ model: 'm', input: 'a', dimensions: 2 }));
expectError(llm.embed('m', 5));
expectType<Promise<Ranking>>(llm.ask('rerank', { model: 'm', query: 'q', documents: ['a'] }));
expectType<Promise<ModelList>>(llm.ask('models', {}, { provider: 'mock' }));
expectType<Uint8Array>((await llm.ask('speech', { model: 'm', input: 'a' })).data);
expectType<Promise<Record<string, unknown>>>(llm.ask('a-new-one', { model: 'm' }));

const stream = llm.stream('mock/echo', 'hi');
expectType<AsyncIterableIterator<string>>(stream.textStream);
expectType<AsyncIterableIterator<string>>(stream.textOf(1));
expectType<[EventReader, EventReader]>(stream.tee());
expectType<Promise<Answer>>(stream.final());
expectType<Response>(stream.toResponse({ status: 200 }));
expectType<ReadableStream<Uint8Array>>(stream.toReadableStream());
expectType<Promise<void>>(stream[Symbol.asyncDispose]());

// An answer's message is a message of the next request.
declare const answer: Answer;
expectType<AnswerMessage>(answer.message);
expectAssignable<Message>(answer.message);
expectType<ToolCall[]>(answer.tool_calls);

declare const error: unknown;
if (error instanceof RateLimitError) {
  expectType<number | null>(error.retryAfter);
  expectAssignable<APIError>(error);
}
expectAssignable<APIConnectionError>({} as APITimeoutError);
expectAssignable<Error>({} as LLMError);

setLogger(console);
setLogger(null);
expectError(setLogger(console, 'loud'));
