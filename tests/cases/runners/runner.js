'use strict';
// Runs shared cases with the Node package: `runner.js`, or `runner.js worker` in a worker thread; runner.mjs is the same from ESM. One
// case a line in, its result a line out.

const readline = require('node:readline');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const named = {
  timeout_ms: 'timeout', first_token_timeout_ms: 'firstTokenTimeout', idle_timeout_ms: 'idleTimeout', provider: 'provider',
  operation: 'operation', max_attempts: 'maxAttempts', fallbacks: 'fallbacks', on_partial: 'onPartial', unsupported: 'unsupported',
  headers: 'headers', base_url: 'baseURL', api_key: 'apiKey', idempotency_key: 'idempotencyKey', extra_body: 'extraBody',
};
const flags = { raw: { raw: true }, no_coalesce: { coalesce: false }, no_cache: { cache: false }, message: { message: true } };

// JSON whose whole numbers keep their digits, as BigInt where a number would lose some.
const parse = (text) => JSON.parse(text.replace(/([:[,])(-?\d{16,})(?=[,\]}])/g, '$1"\\u0000$2"'),
  (_, value) => (typeof value === 'string' && value[0] === '\0' ? BigInt(value.slice(1)) : value));

// Options by the names that the package has for them.
function wishes(options) {
  const made = {};
  const rest = {};
  for (const [key, value] of Object.entries(options)) {
    if (key === 'flags') {
      Object.assign(made, ...value.map((flag) => flags[flag]));
    } else if (named[key]) {
      made[named[key]] = value;
    } else {
      rest[key] = value;
    }
  }
  return Object.keys(rest).length > 0 ? { ...made, options: rest } : made;
}

function item(event) {
  switch (event.type) {
    case 'text':
    case 'reasoning':
    case 'refusal':
      return [event.type, event.choice, 0, event.text];
    case 'tool_call':
      return [event.type, event.choice, event.index, { id: event.id, name: event.name }];
    case 'tool_args':
      return [event.type, event.choice, event.index, event.arguments];
    case 'part':
      return [event.type, event.choice, event.data.index, { raw_json: event.raw_json }];
    case 'result':
      return [event.type, 0, 0, Buffer.from(event.data).toString()];
    case 'rerouted':
      return ['route', 0, 0, { to: event.to, reason: event.reason }];
    case 'raw':
      return [event.type, 0, 0, Buffer.from(event.data).toString()];
    default:
      return ['unknown', 0, 0, JSON.stringify(event)];
  }
}

const tries = (attempts) => attempts.map((one) => ({
  provider: one.provider, model: one.model, status: one.llmStatus, kind: one.kind, http_status: one.status, message: one.message,
}));

function account(done) {
  const { usage } = done;
  const names = ['prompt_tokens', 'completion_tokens', 'total_tokens', 'cached_tokens', 'cache_write_tokens', 'reasoning_tokens', 'source'];
  return {
    id: done.id, model: done.model, provider: done.provider, target: done.target, finish_reason: done.finish_reason,
    finish_reason_raw: done.finish_reason_raw, incomplete: done.incomplete, request_id: done.request_id, dropped: done.dropped,
    cached: done.cached, usage: Object.fromEntries(names.map((name) => [name, usage[name] ?? null])),
    cost_microusd: done.cost_usd === null ? null : Math.round(done.cost_usd * 1e6),
    attempts: tries(done.attempts), ttft_known: done.ttft_ms !== null,
  };
}

const failure = (error) => ({
  class: error.constructor.name, status: error.llmStatus, kind: error.kind, message: error.message, type: error.type, code: error.code,
  param: error.param, provider: error.provider, model: error.model, http_status: error.status, request_id: error.requestId,
  retry_after_ms: error.retryAfter === null ? null : Math.round(error.retryAfter * 1000), retryable: error.isRetryable,
  phase: error.phase, attempts: tries(error.attempts), partial_text: error.partialText || null, body: error.rawBody,
});

const answer = (response) => ({
  choices: response.choices.map((one) => ({
    index: one.index, text: one.message.content || null, reasoning: one.message.reasoning ?? null, refusal: one.message.refusal ?? null,
    tool_calls: (one.message.tool_calls ?? []).map((call) => ({ id: call.id, ...call.function })), finish_reason: one.finish_reason,
  })),
});

// What the host answers to each kind of question: JSON, or `!` and the words of a refusal.
function hooked(column, items) {
  const said = (kind, at) => [kind, (question) => {
    items.push(['ask', 0, 0, { ...question, request: undefined }]);
    if (column[at][0] === '!') {
      throw new Error(column[at].slice(1));
    }
    return JSON.parse(column[at]);
  }];
  const all = ['before', 'token', 'attempt', 'after'].map((kind, at) => said(kind, 14 + at));
  return Object.fromEntries(all.filter(([,], at) => column[14 + at] !== ''));
}

async function run(libllm, column, result) {
  const [, config, request, options] = column;
  const [cancelAfter, call] = [Number(column[10]), column[11]];
  const llm = new libllm.LLM({ config, hooks: hooked(column, result.items) });
  try {
    for (let left = Number(column[12]); left > 1; left--) {
      await llm.chat(parse(request), wishes(parse(options)));
    }
    if (call === 'text') {
      const choice = Number(column[13]);
      const events = llm.stream(parse(request), wishes(parse(options)));
      for await (const text of choice === 0 ? events.textStream : events.textOf(choice)) {
        result.items.push(['text', choice, 0, text]);
      }
      return;
    }
    if (call === 'ask') {
      const { operation, ...others } = parse(options);
      result.response = await llm.ask(operation, parse(request), wishes(others));
      return;
    }
    if (call === 'chat') {
      const response = await llm.chat(parse(request), wishes(parse(options)));
      result.response = answer(response);
      result.done = account(response);
      return;
    }
    const stream = llm.stream(parse(request), wishes(parse(options)));
    delete result.returned;
    let seen = 0;
    for await (const event of stream) {
      if (event.type === 'done') {
        result.done = account(event);
        continue;
      }
      result.items.push(item(event));
      seen += event.type !== 'rerouted' && event.type !== 'raw';
      if (seen === cancelAfter) {
        stream.cancel();
      }
    }
  } finally {
    llm.close();
  }
}

async function one(libllm, line) {
  const column = line.split('\t');
  // Refused by the call itself, unless a stream is made.
  const result = { case: column[0], items: [], ...(column[11] === 'stream' && { returned: true }) };
  try {
    await run(libllm, column, result);
  } catch (error) {
    if (!(error instanceof libllm.LLMError)) {
      throw error;
    }
    result.error = failure(error);
  }
  return JSON.stringify(result);
}

async function main(answerTo) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${await answerTo(line)}\n`);
  }
}

if (!isMainThread) {
  const libllm = require(workerData);
  parentPort.on('message', async (line) => parentPort.postMessage(line === null ? process.exit() : await one(libllm, line)));
} else if (require.main === module && process.argv[2] === 'worker') {
  const worker = new Worker(__filename, { workerData: process.env.LIBLLM_PACKAGE });
  const asked = (line) => new Promise((done) => {
    worker.once('message', done);
    worker.postMessage(line);
  });
  main(asked).then(() => worker.postMessage(null));
} else if (require.main === module) {
  const libllm = require(process.env.LIBLLM_PACKAGE);
  main((line) => one(libllm, line));
}

module.exports = { main, one };
