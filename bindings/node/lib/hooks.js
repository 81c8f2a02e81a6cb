'use strict';
// Questions that the library asks (docs/hooks.md), answered by the user's functions on this environment's own thread.

const abi = require('./abi');
const native = require('./native');

const kinds = ['before', 'token', 'attempt', 'after'];

/** Functions by the kind of question that they answer; anything else is a mistake. */
function checked(hooks) {
  for (const kind of Object.keys(hooks ?? {})) {
    if (!kinds.includes(kind)) {
      throw new TypeError(`hooks: expected some of ${kinds.join(', ')}, got ${kind}`);
    }
  }
  return hooks ?? {};
}

/** Answers the question of a request, now or when the function's promise is settled. */
async function ask(hooks, request, data) {
  const question = JSON.parse(data);
  const id = question.id;
  try {
    if (hooks[question.kind] === undefined) {
      refuse(request, id, abi.ERR_UNSUPPORTED, `this client has no hook ${JSON.stringify(question.kind)}`);
      return;
    }
    const said = await hooks[question.kind](question);
    if (native.answer(request, 0, JSON.stringify({ ...said, id })) === abi.ERR_INVALID_ARGUMENT) {
      refuse(request, id, abi.ERR_INVALID_ARGUMENT, "the hook's answer does not fit the question");
    }
  } catch (error) {
    const status = abi[String(error?.llmStatus ?? '').replace('LLM_', '')] ?? abi.ERR_CANCELED;
    refuse(request, id, status, String(error?.message ?? error));
  }
}

// A request that has ended meanwhile needs no answer.
function refuse(request, id, status, message) {
  native.answer(request, status, JSON.stringify({ id, message }));
}

module.exports = { ask, checked };
