'use strict';
// fetch() over the library: an SDK's request is answered in its own dialect, whoever answers it. One Exchange is one request; while
// nobody reads its Response's body, the provider's socket is left unread too.

const abi = require('./abi');
const hub = require('./hub');
const native = require('./native');
const { watch } = require('./signal');
const { fromJson } = require('./errors');

// Bytes that wait in a body before its socket is left unread; as much as the library's own share of a stream.
const HELD_MAX = 256 * 1024;

/** What fetch() was called with, in the library's words: method, URL, headers as JSON, body as bytes or null; and the signal. */
async function asked(input, init = {}) {
  // What SDKs send: a URL, and a text as body. Making a Request of it would cost more than all the rest.
  if (!(input instanceof Request) && (init.body === undefined || init.body === null || typeof init.body === 'string')) {
    return {
      method: (init.method ?? 'GET').toUpperCase(),
      url: String(input),
      headers: JSON.stringify([...new Headers(init.headers)]),
      body: typeof init.body === 'string' ? Buffer.from(init.body) : null,
      signal: init.signal ?? null,
    };
  }
  const request = new Request(input, init);
  return {
    method: request.method,
    url: request.url,
    headers: JSON.stringify([...request.headers]),
    body: request.body === null ? null : new Uint8Array(await request.arrayBuffer()),
    signal: request.signal,
  };
}

class Exchange {
  request = 0;
  /** The functions that answer its questions. */
  hooks = {};
  /** A promise of the Response; rejected if there is none. */
  response;
  #signal;
  #handle;
  #resolve;
  #reject;
  // Whether the head has come. The body itself is not held here: nobody reads one that is collected, and its socket is closed then.
  #begun = false;
  // Pieces that nobody has read. They are kept here and not in the body, whose own would be lost at an error.
  #pieces = [];
  #held = 0;
  #paused = false;
  #over = false;
  #error = null;
  // Lets a reader that waits go on.
  #wake = null;

  constructor(signal, handle) {
    this.#signal = signal;
    this.#handle = handle;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** To be called once the request is on its way. */
  watch() {
    if (this.#signal !== null) {
      watch(this.#signal, this);
    }
  }

  /** The signal's. */
  handleEvent() {
    this.cancel(this.#signal.reason);
  }

  /** Closes the request upstream; who reads gets `error` at once. */
  cancel(error) {
    if (!this.#over) {
      hub.cancel(this);
      this.#pieces.length = 0;
      this.#end(error);
    }
  }

  /** An event of the queue. */
  arrive(type, choice, index, data) {
    switch (type) {
      case abi.HTTP_HEAD:
        this.#begin(JSON.parse(data));
        break;
      case abi.HTTP_BODY:
        this.#pieces.push(data);
        this.#held += data.byteLength;
        this.#pause(this.#held > HELD_MAX);
        this.#wake?.();
        break;
      case abi.DONE:
        this.#end(null);
        break;
      case abi.ERROR:
        this.#end(new TypeError(this.#begun ? 'terminated' : 'fetch failed', { cause: fromJson(data) }));
        break;
      default:
      // Where it went and what it was is for those who ask in the library's own words.
    }
  }

  #begin({ status, headers }) {
    const body = new ReadableStream(
      {
        pull: (controller) => this.#pull(controller),
        cancel: () => this.cancel(null),
      },
      { highWaterMark: 0 },
    );
    const bodiless = status === 204 || status === 205 || status === 304;
    this.#begun = true;
    if (!bodiless) {
      dropped.register(body, this);
    }
    this.#resolve(new Response(bodiless ? null : body, { status, headers }));
    // They would hold the Response, and it its body.
    this.response = this.#resolve = this.#reject = null;
  }

  // Called when somebody reads.
  async #pull(controller) {
    while (this.#pieces.length === 0 && !this.#over) {
      await new Promise((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    const piece = this.#pieces.shift();
    if (piece !== undefined) {
      this.#held -= piece.byteLength;
      if (this.#pieces.length === 0) {
        this.#pause(false);
      }
      controller.enqueue(piece);
    } else if (this.#error !== null) {
      controller.error(this.#error);
    } else {
      controller.close();
    }
  }

  #pause(on) {
    if (this.#paused !== on && !this.#over) {
      this.#paused = on;
      native.pause(this.request, on);
    }
  }

  #end(error) {
    this.#over = true;
    this.#error = error;
    this.#signal?.removeEventListener('abort', this);
    this.#handle.ended(this);
    this.#reject?.(error);
    this.#wake?.();
  }
}

// Bodies that nobody can read any more are closed upstream.
const dropped = new FinalizationRegistry((exchange) => exchange.cancel(null));

module.exports = { Exchange, asked };
