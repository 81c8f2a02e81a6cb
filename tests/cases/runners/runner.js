'use strict';
// Runs shared cases with the Node package: `runner.js require`, `import` or `worker`. One case a line in, its result a line out.

const { createInterface } = require('node:readline');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');

// Options that have a name of their own.
const NAMES = {
  provider: 'provider', operation: 'operation', timeout_ms: 'timeout', first_token_timeout_ms: 'firstTokenTimeout',
  idle_timeout_ms: 'idleTimeout', max_attempts: 'maxAttempts', fallbacks: 'fallbacks', on_partial: 'onPartial',
  unsupported: 'unsupported', headers: 'headers', base_url: 'baseURL', api_key: 'apiKey', idempotency_key: 'idempotencyKey',
  extra_body: 'extraBody',
};
const FLAGS = { raw: { raw: true }, no_coalesce: { coalesce: false }, no_cache: { cache: false }, message: { message: true } };

function wishes(options) {
  const made = {};
  const rest = {};
  for (const [key, value] of Object.entries(options)) {
    if (key === 'flags') {
      value.forEach((flag) => Object.assign(made, FLAGS[flag]));
    } else if (key in NAMES) {
      // Below zero and 0 mean the same to the library as to the package.
      made[NAMES[key]] = value;
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
      return [event.type, event.choice, event.data.index, event.data];
    case 'rerouted':
      return ['route', 0, 0, { to: event.to, reason: event.reason }];
    case 'raw':
      return [event.type, 0, 0, Buffer.from(event.data).toString()];
    default:
      return ['unknown', 0, 0, JSON.stringify(event)];
  }
}

const tries = (attempts) =>
  attempts.map(({ provider, model, llmStatus, kind, status, message }) => {
    return { provider, model, status: llmStatus, kind, http_status: status, message };
  });

function account(done) {
  const { id, model, provider, target, finish_reason, finish_reason_raw, incomplete, request_id, dropped, cached, usage } = done;
  return {
    id, model, provider, target, finish_reason, finish_reason_raw, incomplete, request_id, dropped, cached,
    usage: Object.fromEntries(
      ['prompt_tokens', 'completion_tokens', 'total_tokens', 'cached_tokens', 'cache_write_tokens', 'reasoning_tokens', 'source'].map(
        (name) => [name, usage[name] ?? null],
      ),
    ),
    cost_microusd: done.cost_usd === null ? null : Math.round(done.cost_usd * 1e6),
    attempts: tries(done.attempts),
    ttft_known: done.ttft_ms !== null,
  };
}

function failure(error) {
  const { kind, message, type, code, param, provider, model, phase } = error;
  return {
    class: error.constructor.name, status: error.llmStatus, kind, message, type, code, param, provider, model,
    http_status: error.status, request_id: error.requestId,
    retry_after_ms: error.retryAfter === null ? null : Math.round(error.retryAfter * 1000),
    retryable: error.isRetryable, phase, attempts: tries(error.attempts),
    partial_text: error.partialText || null, body: error.rawBody,
  };
}

function answer(told) {
  const choices = told.choices.map(({ index, message, finish_reason }) => ({
    index, text: message.content, reasoning: message.reasoning ?? null, refusal: message.refusal ?? null,
    tool_calls: (message.tool_calls ?? []).map((call) => ({ id: call.id, ...call.function })),
    finish_reason,
  }));
  return { response: { choices }, done: account(told) };
}

async function run({ LLM, LLMError }, line) {
  const fields = line.split('\t');
  const [name, config, request, options] = fields;
  const [cancelAfter, call] = fields.slice(-2);
  const result = { case: name };
  let refusable = call === 'stream';
  let seen = 0;
  try {
    const llm = new LLM({ config });
    if (call === 'chat') {
      return Object.assign(result, answer(await llm.chat(JSON.parse(request), wishes(JSON.parse(options)))));
    }
    const stream = llm.stream(JSON.parse(request), wishes(JSON.parse(options)));
    refusable = false;
    for await (const event of stream) {
      if (event.type === 'done') {
        result.done = account(event);
        continue;
      }
      (result.items ??= []).push(item(event));
      seen += event.type !== 'rerouted' && event.type !== 'raw';
      if (seen === Number(cancelAfter)) {
        stream.cancel();
      }
    }
  } catch (error) {
    if (!(error instanceof LLMError)) {
      throw error;
    }
    // Refused by the call itself, unless a stream was made before.
    if (refusable) {
      result.returned = true;
    }
    result.error = failure(error);
  }
  return result;
}

async function main(how) {
  if (how === 'worker') {
    const worker = new Worker(__filename);
    worker.on('message', (result) => console.log(result));
    for await (const line of createInterface({ input: process.stdin })) {
      worker.postMessage(line);
    }
    worker.postMessage(null);
    return;
  }
  const libllm = how === 'import' ? await import('libllm') : require('libllm');
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await run(libllm, line)));
  }
}

if (isMainThread) {
  main(process.argv[2]);
} else {
  const libllm = require('libllm');
  parentPort.on('message', async (line) => {
    if (line === null) {
      parentPort.close();
    } else {
      parentPort.postMessage(JSON.stringify(await run(libllm, line)));
    }
  });
}
