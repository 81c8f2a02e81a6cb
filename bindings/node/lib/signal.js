'use strict';
// AbortSignals, as far as they are listened to.

const { setMaxListeners } = require('node:events');

/** Calls `listener.handleEvent` when it is aborted. */
function watch(signal, listener) {
  // One signal for a hundred requests is no leak: each takes its listener away at its end.
  try {
    setMaxListeners(0, signal);
  } catch {
    // Not one of Node's own.
  }
  signal.addEventListener('abort', listener, { once: true });
}

module.exports = { watch };
