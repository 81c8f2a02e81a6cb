'use strict';
// One request's events: what has come and was not taken yet, who waits for it, and what it said so far.

const abi = require('./abi');
const hub = require('./hub');
const native = require('./native');
const { watch } = require('./signal');
const { Answer, Done } = require('./views');
const { fromJson, fromStatus } = require('./errors');

// Characters that one stream may hold here before its socket is left unread (llm_pause): the library's own share of a stream is as
// large (docs/config.md, memory.per_stream). It is read again once all of them are taken.
const HELD_MAX = 256 * 1024;

const ENDED = Object.freeze({ value: undefined, done: true });

class Call {
  request = 0;
  /** The functions that answer its questions. */
  hooks = {};
  /** Whether the terminal event has come, or nothing is wanted any more. */
  over = false;
  error = null;
  #joins;
  #signal;
  // A client that is dropped, and not closed, lives as long as its calls.
  #handle;
  #events = [];
  #head = 0;
  #held = 0;
  #paused = false;
  // Whether nobody wants single events, only the end.
  #quiet = false;
  #waiter = null;
  #ending = null;
  #done = null;
  #thrown = false;
  #text = '';
  #messages = null;
  // What an operation that is answered in one piece said, in bytes.
  #contents = null;

  constructor(joins, signal, handle) {
    this.#joins = joins;
    this.#signal = signal;
    this.#handle = handle;
  }

  /** To be called once the request is on its way. */
  watch() {
    if (this.#signal !== null) {
      watch(this.#signal, this);
    }
  }

  /** The signal's. */
  handleEvent() {
    this.cancel(aborted(this.#signal));
  }

  /** An event of the queue. */
  arrive(type, choice, index, data) {
    if (type === abi.TEXT) {
      if (choice === 0) {
        this.#text += data;
      } else {
        this.#message(choice).content = (this.#message(choice).content ?? '') + data;
      }
      this.#push({ type: 'text', text: data, choice }, data.length);
      return;
    }
    if (type >= abi.DONE) {
      this.#end(type, data);
      return;
    }
    const event = this.#event(type, choice, index, data);
    if (event !== null) {
      this.#push(event, data.length);
    }
  }

  /** A promise of the next event, as an iterator's result. One at a time. Whoever waits is kept: `reader` is not collected meanwhile. */
  next(reader) {
    if (this.#head < this.#events.length) {
      return Promise.resolve({ value: this.#take(), done: false });
    }
    if (this.over) {
      return this.#last();
    }
    if (this.#waiter !== null || this.#ending !== null) {
      return Promise.reject(fromStatus(abi.ERR_BUSY, 'somebody reads this stream already'));
    }
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject, reader };
    });
  }

  /** A promise of the whole answer; single events are not kept for anybody any more, and `reader` until then. */
  answer(reader) {
    if (this.#waiter !== null) {
      return Promise.reject(fromStatus(abi.ERR_BUSY, 'somebody reads this stream already'));
    }
    this.#quiet = true;
    this.#clear();
    if (this.over) {
      return this.#done === null
        ? Promise.reject(this.error ?? fromStatus(abi.ERR_CANCELED, 'the stream was closed before its end'))
        : Promise.resolve(this.#answer());
    }
    this.#ending ??= promised(reader);
    return this.#ending.promise;
  }

  /** Closes the stream upstream. Who reads gets `error`; without one, the end. */
  cancel(error = null) {
    if (this.over) {
      return;
    }
    hub.cancel(this);
    this.over = true;
    this.error = error;
    this.#clear();
    this.#settle();
  }

  #push(event, size) {
    if (this.#quiet) {
      return;
    }
    const waiter = this.#waiter;
    if (waiter !== null) {
      this.#waiter = null;
      waiter.resolve({ value: event, done: false });
      return;
    }
    const last = this.#events.length - 1;
    if (!this.#joins || last < this.#head || !joined(this.#events[last], event)) {
      this.#events.push(event);
    }
    this.#held += size;
    if (this.#held > HELD_MAX && !this.#paused) {
      this.#paused = true;
      native.pause(this.request, true);
    }
  }

  #take() {
    const event = this.#events[this.#head++];
    if (this.#head === this.#events.length) {
      this.#clear();
    }
    return event;
  }

  #clear() {
    this.#events.length = this.#head = this.#held = 0;
    if (this.#paused) {
      this.#paused = false;
      native.pause(this.request, false);
    }
  }

  #end(type, data) {
    this.over = true;
    if (type === abi.DONE) {
      this.#done = data;
      this.#push(new Done(data), 0);
    } else {
      this.error = fromJson(data, this.#text);
    }
    this.#settle();
  }

  // Tells those who wait that it is over.
  #settle() {
    this.#signal?.removeEventListener('abort', this);
    this.#handle.ended(this);
    const waiter = this.#waiter;
    if (waiter !== null) {
      this.#waiter = null;
      this.#last().then(waiter.resolve, waiter.reject);
    }
    const ending = this.#ending;
    if (ending !== null) {
      this.#ending = null;
      this.answer().then(ending.resolve, ending.reject);
    }
  }

  // An error is thrown to whoever reads next, once; after it the stream is at its end.
  #last() {
    const error = this.error;
    if (error === null || this.#thrown) {
      return Promise.resolve(ENDED);
    }
    this.#thrown = true;
    return Promise.reject(error);
  }

  #event(type, choice, index, data) {
    switch (type) {
      case abi.REASONING:
        this.#message(choice).reasoning = (this.#message(choice).reasoning ?? '') + data;
        return { type: 'reasoning', text: data, choice };
      case abi.REFUSAL:
        this.#message(choice).refusal = (this.#message(choice).refusal ?? '') + data;
        return { type: 'refusal', text: data, choice };
      case abi.TOOL_CALL: {
        const { id, name } = JSON.parse(data);
        const calls = (this.#message(choice).tool_calls ??= []);
        calls[index] = { id: id ?? '', type: 'function', function: { name: name ?? '', arguments: '' } };
        return { type: 'tool_call', id: id ?? '', name: name ?? '', index, choice };
      }
      case abi.TOOL_ARGS:
        this.#message(choice).tool_calls[index].function.arguments += data;
        return { type: 'tool_args', arguments: data, index, choice };
      case abi.ROUTE:
        return this.#rerouted(data);
      case abi.PART:
        // As it came, too: JSON.parse() rounds what is above 2^53.
        return Object.defineProperty({ type: 'part', data: JSON.parse(data), choice }, 'raw_json', { value: data });
      case abi.RAW:
        return { type: 'raw', data };
      case abi.RESULT:
        this.#contents = data;
        return { type: 'result', data };
      default:
        return { type: 'unknown', number: type, data };
    }
  }

  #rerouted(data) {
    // The first attempt is no news, and its JSON need not be parsed to see that.
    if (data.includes('"reason":"first"') && data.includes('"tried":[]')) {
      return null;
    }
    const told = JSON.parse(data);
    if (told.voids) {
      this.#text = '';
      this.#messages = null;
      this.#contents = null;
    }
    if (told.reason === 'first') {
      return null;
    }
    const from = told.tried?.at(-1);
    return {
      type: 'rerouted',
      from: from ? `${from.provider}/${from.model}` : null,
      to: `${told.provider}/${told.model}`,
      reason: told.reason,
      attempt: told.attempt,
      voids: Boolean(told.voids),
    };
  }

  #message(choice) {
    const messages = (this.#messages ??= new Map());
    let message = messages.get(choice);
    if (message === undefined) {
      messages.set(choice, (message = { role: 'assistant', content: null }));
    }
    return message;
  }

  #answer() {
    if (this.#text !== '') {
      this.#message(0).content = this.#text;
    }
    return new Answer(this.#done, this.#messages ?? new Map(), this.#contents);
  }
}

// A consumer that lags gets fewer, larger events: `next` goes into `last`, which nobody has seen yet.
function joined(last, next) {
  if (last.type !== next.type || last.choice !== next.choice) {
    return false;
  }
  switch (next.type) {
    case 'text':
    case 'reasoning':
    case 'refusal':
      last.text += next.text;
      return true;
    case 'tool_args':
      if (last.index !== next.index) {
        return false;
      }
      last.arguments += next.arguments;
      return true;
    default:
      return false;
  }
}

function promised(reader) {
  const made = { reader };
  made.promise = new Promise((resolve, reject) => {
    made.resolve = resolve;
    made.reject = reject;
  });
  return made;
}

/** What a caller gets whose signal was aborted. */
function aborted(signal) {
  const error = fromStatus(abi.ERR_CANCELED, 'the request was aborted');
  error.cause = signal.reason;
  return error;
}

module.exports = { Call, ENDED, aborted };
