'use strict';
// What the library tells in JSON, with what people ask of it. Keys that a newer library adds are there as well.

/** One try at one target. */
class Attempt {
  constructor(told) {
    this.provider = told.provider ?? '';
    this.model = told.model ?? '';
    this.llmStatus = told.status ?? '';
    this.kind = told.kind ?? null;
    this.status = told.http_status ?? null;
    this.ms = told.ms ?? 0;
    this.message = told.message ?? null;
  }
}

/** How a request ended: the DONE event, parsed at the first question. */
class Account {
  #parsed;

  constructor(rawJson) {
    Object.defineProperty(this, 'raw_json', { value: rawJson });
  }

  /** The library's own words, parsed. */
  get told() {
    return (this.#parsed ??= JSON.parse(this.raw_json));
  }

  get id() {
    return this.told.id ?? null;
  }

  get model() {
    return this.told.model ?? null;
  }

  get provider() {
    return this.told.provider ?? '';
  }

  get target() {
    return this.told.target ?? '';
  }

  get finish_reason() {
    return this.told.finish_reason ?? null;
  }

  get finish_reason_raw() {
    return this.told.finish_reason_raw ?? null;
  }

  get incomplete() {
    return Boolean(this.told.incomplete);
  }

  get cached() {
    return Boolean(this.told.cached);
  }

  get usage() {
    return this.told.usage ?? {};
  }

  get cost_usd() {
    const microusd = this.told.cost?.microusd ?? null;
    return microusd === null ? null : microusd / 1e6;
  }

  get request_id() {
    return this.told.request_id ?? null;
  }

  get attempts() {
    return (this.told.attempts ?? []).map((each) => new Attempt(each));
  }

  get ttft_ms() {
    return this.told.timing?.ttft_ms ?? null;
  }

  get total_ms() {
    return this.told.timing?.total_ms ?? null;
  }

  get dropped() {
    return this.told.dropped ?? [];
  }
}

/** The last event of a stream that ended well. */
class Done extends Account {
  get type() {
    return 'done';
  }

  toJSON() {
    return { type: 'done', ...this.told };
  }

  [Symbol.for('nodejs.util.inspect.custom')]() {
    return this.toJSON();
  }
}

/** A whole answer. */
class Answer extends Account {
  #messages;
  #contents;
  #result;

  constructor(rawJson, messages, contents) {
    super(rawJson);
    this.#messages = messages;
    this.#contents = contents;
  }

  /** What an operation that is answered in one piece said: JSON, or bytes of `media_type`. */
  get contents() {
    return this.#contents;
  }

  get media_type() {
    return this.told.media_type ?? null;
  }

  /** `contents`, parsed; null if they are no JSON. */
  get result() {
    if (this.#contents === null || this.media_type !== null) {
      return null;
    }
    return (this.#result ??= JSON.parse(this.#contents.toString()));
  }

  get text() {
    return this.message.content ?? '';
  }

  get message() {
    return this.#message(this.#ends()[0].index);
  }

  get tool_calls() {
    return this.message.tool_calls ?? [];
  }

  get choices() {
    return this.#ends().map(({ index, finish_reason }) => ({
      index,
      message: this.#message(index),
      finish_reason: finish_reason ?? null,
    }));
  }

  toJSON() {
    if (this.#contents !== null) {
      const bytes = () => ({ object: 'bytes', media_type: this.media_type, data: this.#contents.toString('base64') });
      return { ...(this.result ?? bytes()), libllm: this.told };
    }
    const { prompt_tokens = null, completion_tokens = null, total_tokens = null, ...usage } = this.usage;
    return {
      id: this.id,
      object: 'chat.completion',
      model: this.model,
      choices: this.choices,
      usage: {
        prompt_tokens,
        completion_tokens,
        total_tokens,
        prompt_tokens_details: { cached_tokens: usage.cached_tokens ?? null },
        completion_tokens_details: { reasoning_tokens: usage.reasoning_tokens ?? null },
      },
      libllm: this.told,
    };
  }

  [Symbol.for('nodejs.util.inspect.custom')]() {
    return this.toJSON();
  }

  // How each choice ended, by their numbers: told if they are others than 0 alone. A race's first may have failed.
  #ends() {
    return this.told.choices ?? [{ index: 0, finish_reason: this.finish_reason }];
  }

  #message(choice) {
    const said = this.#messages.get(choice) ?? { role: 'assistant', content: null };
    if (choice !== this.#ends()[0].index) {
      return said;
    }
    // The library's own has what no delta shows: signatures, which calls are complete.
    const told = Object.entries(this.told.message ?? {}).filter(([, value]) => value !== null);
    return { ...said, ...Object.fromEntries(told) };
  }
}

module.exports = { Account, Answer, Attempt, Done };
