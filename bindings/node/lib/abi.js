'use strict';
// Numbers of llm.h that cross as numbers. test/abi.test.js compares them with the header.

module.exports = {
  TEXT: 1,
  REASONING: 2,
  TOOL_CALL: 3,
  TOOL_ARGS: 4,
  ROUTE: 5,
  RESULT: 6,
  HTTP_HEAD: 7,
  HTTP_BODY: 8,
  RAW: 9,
  LOG: 10,
  REFUSAL: 12,
  PART: 13,
  DONE: 100,
  ERROR: 101,

  OPT_RAW: 1,
  OPT_NO_COALESCE: 2,
  OPT_NO_CACHE: 4,
  OPT_MESSAGE: 8,

  ERR_BUSY: -6,
  ERR_CLOSED: -8,
  ERR_CANCELED: -10,

  METRICS_JSON: 0,
  METRICS_PROMETHEUS: 1,
};
