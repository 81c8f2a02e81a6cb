'use strict';
// Ways to read an answer as it comes. A reader has next(), cancel() and final(); everything else is made of these.

const { ENDED } = require('./call');
const { fromStatus } = require('./errors');
const abi = require('./abi');

// Node before 20 has no such symbol; transpiled `await using` looks for one by this name.
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

class Reader {
  [Symbol.asyncIterator]() {
    return this;
  }

  /** Leaving a loop early: the stream is closed upstream. */
  async return(value) {
    this.close();
    return { value, done: true };
  }

  async throw(error) {
    this.close();
    throw error;
  }

  async [asyncDispose]() {
    this.close();
  }

  /** Only the text of choice 0, piece by piece: those of others do not come between. */
  get textStream() {
    return new Texts(this, 0);
  }

  /** Only the text of this choice of several. */
  textOf(choice) {
    return new Texts(this, choice);
  }

  /** Two readers of the same events; each event is kept until both have read it. */
  tee() {
    const shared = new Shared(this);
    return shared.branches;
  }

  /** The events as server-sent events, for a Response of one's own. Cancelling it closes the stream upstream. */
  toReadableStream() {
    const encoder = new TextEncoder();
    return new ReadableStream(
      {
        pull: async (controller) => {
          try {
            const { value, done } = await this.next();
            if (done) {
              controller.close();
            } else if (value.type !== 'raw' && value.type !== 'result') {
              controller.enqueue(encoder.encode(`data: ${JSON.stringify(value)}\n\n`));
            }
          } catch (error) {
            controller.enqueue(encoder.encode(`event: error\ndata: ${JSON.stringify(told(error))}\n\n`));
            controller.close();
          }
        },
        cancel: () => this.close(),
      },
      { highWaterMark: 0 },
    );
  }

  /** toReadableStream() as the body of a Response. */
  toResponse(init = {}) {
    const headers = new Headers(init.headers);
    headers.set('content-type', 'text/event-stream; charset=utf-8');
    headers.set('cache-control', 'no-cache');
    return new Response(this.toReadableStream(), { ...init, headers });
  }
}

/** One answer's events, in order, for one reader. */
class Stream extends Reader {
  #call;

  constructor(call) {
    super();
    this.#call = call;
    dropped.register(this, call, call);
  }

  next() {
    return this.#call.next(this);
  }

  async final() {
    return this.#call.answer(this);
  }

  /** Closes the stream upstream, so that no more is generated and paid for. Who reads it gets an APIUserAbortError. */
  cancel() {
    this.#call.cancel(fromStatus(abi.ERR_CANCELED, 'the stream was cancelled'));
    dropped.unregister(this.#call);
  }

  /** As cancel(), but who reads it gets the end. */
  close() {
    this.#call.cancel();
    dropped.unregister(this.#call);
  }
}

// Streams that nobody can read any more are closed upstream. One that somebody waits for is held by its call: `await llm.stream(..).final()`
// leaves no other trace of it.
const dropped = new FinalizationRegistry((call) => call.cancel());

class Texts {
  #reader;
  #choice;

  constructor(reader, choice) {
    this.#reader = reader;
    this.#choice = choice;
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async next() {
    for (;;) {
      const { value, done } = await this.#reader.next();
      if (done) {
        return ENDED;
      }
      if (value.type === 'text' && value.choice === this.#choice) {
        return { value: value.text, done: false };
      }
    }
  }

  return(value) {
    return this.#reader.return(value);
  }

  [asyncDispose]() {
    return this.#reader[asyncDispose]();
  }
}

// What two branches share: whoever is ahead reads for both.
class Shared {
  constructor(source) {
    this.source = source;
    this.reading = null;
    this.over = false;
    this.branches = [new Branch(this), new Branch(this)];
  }

  read() {
    this.reading ??= this.source
      .next()
      .then(
        ({ value, done }) => {
          this.over = done;
          if (!done) {
            this.each((branch) => branch.events.push(value));
          }
        },
        (error) => {
          this.over = true;
          this.each((branch) => {
            branch.error = error;
          });
        },
      )
      .finally(() => {
        this.reading = null;
      });
    return this.reading;
  }

  each(visit) {
    this.branches.filter((branch) => !branch.left).forEach(visit);
  }

  leave() {
    if (this.branches.every((branch) => branch.left)) {
      this.source.close();
    }
  }
}

class Branch extends Reader {
  #shared;
  events = [];
  error = null;
  left = false;

  constructor(shared) {
    super();
    this.#shared = shared;
  }

  async next() {
    for (;;) {
      if (this.events.length > 0) {
        return { value: this.events.shift(), done: false };
      }
      const error = this.error;
      if (error !== null) {
        this.error = null;
        throw error;
      }
      if (this.left || this.#shared.over) {
        return ENDED;
      }
      await this.#shared.read();
    }
  }

  async final() {
    while (!(await this.next()).done);
    return this.#shared.source.final();
  }

  cancel() {
    this.close();
  }

  close() {
    this.left = true;
    this.events.length = 0;
    this.#shared.leave();
  }
}

// What may go to somebody else's browser: not the provider's own body.
function told(error) {
  const { name, message, kind = 'internal', code, type, status, requestId, retryAfter, isRetryable } = error;
  return {
    type: 'error',
    error: { name, message, kind, code, type, status, request_id: requestId, retry_after: retryAfter, is_retryable: isRetryable },
  };
}

module.exports = { Stream, asyncDispose };
