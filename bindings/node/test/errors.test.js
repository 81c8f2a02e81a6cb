'use strict';
// Every error is a class of its own and carries all that is known.

const assert = require('node:assert/strict');
const net = require('node:net');
const { test, before } = require('node:test');
const { collect, startMock } = require('./mock');
const libllm = require('..');
const { LLM } = libllm;

let mock;
let llm;
before(async () => {
  mock = await startMock();
  llm = new LLM({ config: mock.config(), maxRetries: 0 });
});

async function caught(promise) {
  return promise.then(
    () => assert.fail('nothing was thrown'),
    (error) => error,
  );
}

// script, class, kind, HTTP status
const refused = [
  ['status=400;error=invalid_request', 'BadRequestError', 'invalid_request', 400],
  ['status=401;error=auth', 'AuthenticationError', 'auth', 401],
  ['status=403;error=permission', 'PermissionDeniedError', 'auth', 403],
  ['status=404;error=not_found', 'NotFoundError', 'not_found', 404],
  ['status=409;error=conflict', 'ConflictError', 'conflict', 409],
  ['status=413;error=too_large', 'BadRequestError', 'too_large', 413],
  ['status=422;error=invalid_request', 'UnprocessableEntityError', 'invalid_request', 422],
  ['status=400;error=context_length', 'ContextLengthError', 'context_length', 400],
  ['status=400;error=content_filter', 'ContentFilterError', 'content_filter', 400],
  ['status=429;error=rate_limited', 'RateLimitError', 'rate_limited', 429],
  ['status=429;error=quota', 'QuotaExceededError', 'quota', 429],
  ['status=500;error=server_error', 'InternalServerError', 'server_error', 500],
  ['status=529;error=overloaded', 'OverloadedError', 'overloaded', 529],
  ['status=302;body=empty', 'APIResponseValidationError', 'redirect_refused', 302],
  ['body=html', 'APIResponseValidationError', 'bad_content_type', 200],
];

for (const [script, name, kind, status] of refused) {
  test(`${script} is a ${name}`, async () => {
    const error = await caught(llm.chat(`chat/${script}`, 'x'));
    assert.equal(error.constructor, libllm[name]);
    assert.ok(error instanceof libllm.APIError && error instanceof libllm.LLMError && error instanceof Error);
    assert.deepEqual([error.name, error.kind, error.status], [name, kind, status]);
    assert.deepEqual([error.provider, error.model, error.phase], ['chat', script, 'first_item']);
    assert.equal(error.attempts.at(-1).status, status);
  });
}

test('all that is known is there', async () => {
  const error = await caught(llm.chat('chat/status=429;retry_after=20ms', 'x', { maxRetries: 1 }));
  assert.equal(error.retryAfter, 0.02);
  assert.equal(error.isRetryable, true);
  assert.ok(error.requestId);
  assert.equal(error.requestID, error.requestId);
  assert.equal(error.code, 'rate_limit_exceeded');
  assert.equal(error.type, 'requests');
  assert.equal(error.llmStatus, 'LLM_ERR_RATE_LIMITED');
  assert.match(error.rawBody, /"rate_limit_exceeded"/);
  assert.deepEqual(error.attempts.map((attempt) => attempt.kind), ['rate_limited', 'rate_limited']);
  assert.equal(JSON.parse(error.rawJson).kind, 'rate_limited');
});

for (const cut of ['fin', 'rst', 'chunk']) {
  test(`a stream that ends by ${cut} has the text that came`, async () => {
    const seen = [];
    const error = await caught(
      (async () => {
        for await (const event of llm.stream(`chat/tokens=9;pace=5ms;cut=${cut};at=3`, 'x')) {
          seen.push(event.text);
        }
      })(),
    );
    assert.ok(error instanceof libllm.StreamInterruptedError);
    assert.equal(seen.join(''), 'w0 w1 w2');
    assert.equal(error.partialText, 'w0 w1 w2');
  });
}

test('an error inside the stream has its class, and comes once', async () => {
  const stream = llm.stream('chat/tokens=9;error=overloaded;at=3', 'x');
  const error = await caught(collect(stream));
  assert.ok(error instanceof libllm.OverloadedError);
  assert.equal(error.partialText, 'w0 w1 w2');
  assert.deepEqual(await collect(stream), []);
  assert.equal(await caught(stream.final()), error);
});

test('a timeout says its phase', async () => {
  const first = await caught(llm.stream('chat/tokens=2;ttft=60s', 'x', { firstTokenTimeout: 300 }).final());
  assert.ok(first instanceof libllm.APITimeoutError && first instanceof libllm.APIConnectionError);
  assert.equal(first.phase, 'first_item');
  const idle = await caught(llm.stream('chat/tokens=2;stall=60s;at=1', 'x', { idleTimeout: 300 }).final());
  assert.ok(idle instanceof libllm.APITimeoutError);
  assert.deepEqual([idle.phase, idle.partialText], ['stream', 'w0']);
  assert.ok((await caught(llm.chat('chat/tokens=2;ttft=60s', 'x', { timeout: 300 }))) instanceof libllm.APITimeoutError);
});

test('nobody listens', async () => {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base_url = `http://127.0.0.1:${server.address().port}`;
  await new Promise((resolve) => server.close(resolve));
  const alone = new LLM({ config: { providers: { house: { wire: 'openai_chat', base_url } } }, maxRetries: 0 });
  const error = await caught(alone.chat('house/x', 'x'));
  assert.equal(error.constructor, libllm.APIConnectionError);
  assert.equal(error.status, null);
});

test('a missing key is an AuthenticationError that names the variable', async () => {
  const saved = process.env.OPENAI_API_KEY;
  delete process.env.OPENAI_API_KEY;
  const error = await caught(new LLM({ config: '[retry]\nmax_attempts = 1\n' }).chat('openai/gpt-5-mini', 'x'));
  if (saved !== undefined) {
    process.env.OPENAI_API_KEY = saved;
  }
  assert.ok(error instanceof libllm.AuthenticationError);
  assert.match(error.message, /OPENAI_API_KEY/);
});

test('final and reading tell the same', async () => {
  const model = 'chat/tokens=4;cut=fin;at=2';
  const errors = [await caught(llm.stream(model, 'x').final()), await caught(collect(llm.stream(model, 'x')))];
  const [left, right] = errors.map(({ attempts, requestId, ...told }) => told);
  assert.equal(left.llmStatus, 'LLM_ERR_TRUNCATED');
  assert.deepEqual(left, right);
});
