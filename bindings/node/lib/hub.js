'use strict';
// One queue for this environment (the main thread, or a worker): which call an event belongs to, and whether the process has to stay.

const abi = require('./abi');
const hooks = require('./hooks');
const native = require('./native');
const { fromJson, fromStatus } = require('./errors');

// Places of an event's numbers; src/addon.h.
const STRIDE = 4;

const calls = new Map();
let numbers = null;
let logger = null;

/** Starts `call`; throws what the library refused. */
function submit(client, request, options, call) {
  open();
  begin(call, native.submit(client, request, ...options.wishes));
}

/** As submit(), for a request in HTTP's words; `body` is a Uint8Array or null. */
function submitHttp(client, { method, url, headers, body }, options, call) {
  open();
  begin(call, native.submitHttp(client, method, url, headers, body, ...options.wishes));
}

function begin(call, number) {
  if (typeof number === 'string') {
    throw fromJson(number);
  }
  call.request = number;
  calls.set(number, call);
  if (calls.size === 1) {
    native.hold(true);
  }
}

/** No event of this call is wanted any more. */
function forget(call) {
  if (calls.delete(call.request) && calls.size === 0) {
    native.hold(false);
  }
}

/** Cancels a call: its socket is closed, its events are dropped. */
function cancel(call) {
  if (calls.has(call.request)) {
    native.cancel(call.request);
    forget(call);
  }
}

/** Sends the process's log, up to `level`, to `sink` on this thread. */
function log(sink, level) {
  open();
  logger = sink;
  const status = native.log(level);
  if (status < 0) {
    throw fromStatus(status, 'the log cannot be had');
  }
}

function open() {
  if (numbers === null) {
    const made = native.open(deliver);
    if (typeof made === 'string') {
      throw fromJson(made);
    }
    numbers = made;
  }
}

// Called by the addon with a batch: the numbers of `count` events are in `numbers`, their data are the other arguments.
function deliver(count, ...data) {
  for (let i = 0; i < count; i++) {
    const at = i * STRIDE;
    const type = numbers[at + 1];
    const call = calls.get(numbers[at]);
    if (call !== undefined) {
      if (type >= abi.DONE) {
        forget(call);
      }
      if (type === abi.ASK) {
        hooks.ask(call.hooks, call.request, data[i]);
        continue;
      }
      call.arrive(type, numbers[at + 2], numbers[at + 3], data[i]);
    } else if (type === abi.LOG) {
      say(numbers[at + 3], data[i]);
    }
    // Else it was cancelled while its last events were on their way.
  }
}

const methods = [null, 'error', 'warn', 'info', 'debug', 'trace'];

function say(level, line) {
  const method = methods[level] ?? 'debug';
  try {
    (logger?.[method] ?? logger?.debug)?.call(logger, line);
  } catch (error) {
    // The logger's own fault: it must not take other streams' events with it.
    queueMicrotask(() => {
      throw error;
    });
  }
}

module.exports = { cancel, log, submit, submitHttp };
