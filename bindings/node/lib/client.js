'use strict';
// The client: a configuration, the defaults of its requests, and the doors to them.

const abi = require('./abi');
const hooks = require('./hooks');
const hub = require('./hub');
const native = require('./native');
const { Call, aborted } = require('./call');
const { Compiled, stringify } = require('./options');
const { Exchange, asked } = require('./fetch');
const { Stream, asyncDispose } = require('./stream');
const { fromJson, fromStatus } = require('./errors');

const formats = { json: abi.METRICS_JSON, prometheus: abi.METRICS_PROMETHEUS };

/** A client of the library until it is closed; shared by an LLM and what withOptions() made of it. */
class Handle {
  #client;
  #hooks;
  #closed = false;
  // Calls that are under way, for those who wait until none is.
  #live = new Set();
  #idle = [];

  constructor(config, given) {
    this.#hooks = hooks.checked(given);
    this.#client = unlessRefused(native.clientNew(text(config)));
  }

  start(request, options, signal) {
    if (signal?.aborted) {
      throw aborted(signal);
    }
    const call = new Call(options.joins, signal, this);
    call.hooks = this.#hooks;
    hub.submit(this.open(), request, options, call);
    return this.#started(call);
  }

  startHttp(request, options, signal) {
    signal?.throwIfAborted();
    const exchange = new Exchange(signal, this);
    exchange.hooks = this.#hooks;
    hub.submitHttp(this.open(), request, options, exchange);
    return this.#started(exchange);
  }

  #started(call) {
    this.#live.add(call);
    call.watch();
    return call;
  }

  ended(call) {
    this.#live.delete(call);
    if (this.#live.size === 0 && this.#idle.length > 0) {
      this.#idle.splice(0).forEach((resolve) => resolve());
    }
  }

  idle() {
    return this.#live.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  /** The library's client, or a ClosedError. */
  open() {
    if (this.#closed) {
      throw fromStatus(abi.ERR_CLOSED, 'the client is closed');
    }
    return this.#client;
  }

  cancelAll() {
    this.#live.forEach((call) => call.cancel(fromStatus(abi.ERR_CANCELED, 'the client was closed')));
  }

  close() {
    if (!this.#closed) {
      this.#closed = true;
      this.cancelAll();
      native.clientClose(this.#client);
    }
  }
}

/** What withOptions() makes a client of. */
class Copy {
  constructor(handle, defaults) {
    this.handle = handle;
    this.defaults = defaults;
  }
}

class LLM {
  #handle;
  #defaults;

  constructor(options = {}) {
    if (options instanceof Copy) {
      this.#handle = options.handle;
      this.#defaults = options.defaults;
      return;
    }
    const { config = null, hooks: given, ...defaults } = options;
    this.#defaults = new Compiled(defaults);
    this.#handle = new Handle(config, given);
  }

  async chat(request, prompt, options) {
    const call = this.#start(request, prompt, options, false);
    return call.answer();
  }

  /** Whatever else is asked (docs/operations.md), answered in one piece: parsed JSON, or bytes and their media type. */
  async ask(operation, request = {}, options) {
    const answer = await this.#start(request, { ...options, operation }, undefined, false).answer();
    return answer.result ?? { data: answer.contents, media_type: answer.media_type };
  }

  /** Vectors in OpenAI's shape, of a whole request or of a model's name and texts. */
  async embed(request, texts, options) {
    return typeof request === 'string'
      ? this.ask('embeddings', { model: request, input: texts }, options)
      : this.ask('embeddings', request, texts);
  }

  stream(request, prompt, options) {
    return new Stream(this.#start(request, prompt, options, true));
  }

  /** Bound, so that it can be handed to an SDK as it is. */
  fetch = async (input, init) => {
    const { signal, ...request } = await asked(input, init);
    return this.#handle.startHttp(request, this.#defaults, signal).response;
  };

  withOptions(options) {
    return new LLM(new Copy(this.#handle, this.#defaults.with(options)));
  }

  reload(config = null) {
    unlessRefused(native.clientReload(this.#handle.open(), text(config)));
  }

  metrics(format = 'json') {
    if (!Object.hasOwn(formats, format)) {
      throw new TypeError(`metrics: expected json or prometheus, got ${String(format)}`);
    }
    return native.clientMetrics(this.#handle.open(), formats[format]);
  }

  async drain({ timeout = Infinity } = {}) {
    native.clientDrain(this.#handle.open());
    let timer;
    const late = new Promise((resolve) => {
      timer = timeout === Infinity ? undefined : setTimeout(resolve, timeout);
    });
    await Promise.race([this.#handle.idle(), late]);
    clearTimeout(timer);
    this.#handle.cancelAll();
  }

  close() {
    this.#handle.close();
  }

  async [asyncDispose]() {
    this.close();
  }

  #start(request, prompt, options, streams) {
    // A model's name and a prompt are a request too.
    let body = request;
    let given = prompt;
    if (typeof request === 'string') {
      body = { model: request, messages: typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt };
      given = options;
    }
    const signal = given?.signal ?? this.#defaults.signal;
    return this.#handle.start(json(body, streams), this.#compiled(given), signal);
  }

  #compiled(given) {
    // A signal alone, which is what most requests bring, compiles to nothing.
    for (const name in given) {
      if (name !== 'signal') {
        return this.#defaults.with(given);
      }
    }
    return this.#defaults;
  }
}

function json(request, streams) {
  return stringify(streams || 'stream' in request ? request : { ...request, stream: false });
}

// JSON of an object, a text as it is; null reads the environment. An object that says nothing is a configuration as well: to the
// library an empty one is the environment.
function text(config) {
  if (config === null || typeof config === 'string') {
    return config;
  }
  const json = JSON.stringify(config);
  return json === '{}' ? '{"models":{}}' : json;
}

function unlessRefused(made) {
  if (typeof made === 'string') {
    throw fromJson(made);
  }
  return made;
}

const levels = { off: 0, error: 1, warn: 2, info: 3, debug: 4, trace: 5 };

/** Sends the process's log to `logger`; null ends that. */
function setLogger(logger, level = 'info') {
  if (!Object.hasOwn(levels, level)) {
    throw new TypeError(`setLogger: expected one of ${Object.keys(levels).join(', ')}, got ${String(level)}`);
  }
  hub.log(logger, logger === null ? levels.off : levels[level]);
}

module.exports = { LLM, setLogger };
