'use strict';

const { LLM, setLogger } = require('./lib/client');
const { classes } = require('./lib/errors');
const { Answer, Attempt, Done } = require('./lib/views');
const { Stream } = require('./lib/stream');
const { version } = require('./package.json');
const native = require('./lib/native');

/** Of the library inside, such as "0.1.0 (rustls; linux-x86_64)". */
function libraryVersion() {
  return native.version();
}

module.exports = { LLM, Stream, Answer, Attempt, Done, ...classes, setLogger, libraryVersion, version };
