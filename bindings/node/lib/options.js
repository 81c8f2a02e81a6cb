'use strict';
// What one request wishes, from an options object to what llm_submit() takes. Times are milliseconds.

const abi = require('./abi');

// Option -> key of options_json, for those that cross as they are.
const plain = {
  maxAttempts: 'max_attempts',
  fallbacks: 'fallbacks',
  onPartial: 'on_partial',
  unsupported: 'unsupported',
  headers: 'headers',
  baseURL: 'base_url',
  apiKey: 'api_key',
  idempotencyKey: 'idempotency_key',
  extraBody: 'extra_body',
  checkLimits: 'check_limits',
  strategy: 'strategy',
  tags: 'tags',
  session: 'session',
  tenant: 'tenant',
  metadata: 'metadata',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  cache: 'cache',
};

const known = new Set([
  ...Object.keys(plain),
  'provider', 'operation', 'timeout', 'firstTokenTimeout', 'idleTimeout', 'maxRetries', 'raw', 'coalesce',
  'message', 'options', 'signal',
]);

/** Options as the library takes them; made once, used by any number of requests. */
class Compiled {
  constructor(given) {
    for (const name of Object.keys(given)) {
      if (!known.has(name)) {
        throw new TypeError(`unknown option ${name}, expected one of ${[...known].sort().join(', ')}`);
      }
    }
    this.given = given;
    this.joins = given.coalesce !== false;
    const flags =
      (given.raw ? abi.OPT_RAW : 0) |
      (this.joins ? 0 : abi.OPT_NO_COALESCE) |
      // A flag, so that no JSON is made and read for the commonest form.
      (given.cache === false ? abi.OPT_NO_CACHE : 0) |
      (given.message ? abi.OPT_MESSAGE : 0);
    /** In the order of the addon's arguments. */
    this.wishes = [
      flags,
      milliseconds('timeout', given.timeout),
      milliseconds('firstTokenTimeout', given.firstTokenTimeout),
      given.provider ?? null,
      given.operation ?? null,
      cold(given),
    ];
    this.signal = given.signal ?? null;
  }

  /** These with others on top. */
  with(given) {
    if (given === undefined) {
      return this;
    }
    const made = { ...this.given };
    for (const [name, value] of Object.entries(given)) {
      // What is undefined was not said.
      if (value !== undefined || !(name in made)) {
        made[name] = value;
      }
    }
    return new Compiled(made);
  }
}

function cold(given) {
  const made = { ...given.options };
  for (const name in plain) {
    if (given[name] !== undefined && given[name] !== null && !(name === 'cache' && given.cache === false)) {
      made[plain[name]] = given[name];
    }
  }
  if (typeof made.headers?.[Symbol.iterator] === 'function') {
    // A Headers, a Map, a list of pairs: none of them has its names as keys.
    made.headers = Object.fromEntries(made.headers);
  }
  if (given.maxRetries !== undefined && given.maxRetries !== null) {
    // The library counts attempts, SDKs count what comes after the first.
    made.max_attempts = given.maxRetries + 1;
  }
  if (given.idleTimeout !== undefined && given.idleTimeout !== null) {
    made.idle_timeout_ms = milliseconds('idleTimeout', given.idleTimeout);
  }
  for (const _ in made) {
    return stringify(made);
  }
  return null;
}

// 0 is the default, -1 is none at all (infinity or below zero); no timeout is rounded to either.
function milliseconds(name, time) {
  if (time === undefined || time === null) {
    return 0;
  }
  if (typeof time !== 'number' || Number.isNaN(time)) {
    throw new TypeError(`${name}: expected milliseconds, got ${String(time)}`);
  }
  return time < 0 || time === Infinity ? -1 : Math.max(1, Math.round(time));
}

// JSON in which a BigInt is a number with all its digits; JSON.stringify() refuses one. What it takes alone costs nothing more.
function stringify(value) {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError)) {
      throw error;
    }
    const mark = `bigint-${Math.random()}-`;
    const text = JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? `${mark}${one}` : one));
    return text.replaceAll(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1');
  }
}

module.exports = { Compiled, stringify };
