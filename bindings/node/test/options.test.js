'use strict';
// Every option reaches the provider or the engine.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const http = require('node:http');
const { test, before, after } = require('node:test');
const { collect, startMock } = require('./mock');
const { LLM, ConfigError, RateLimitError } = require('..');

let mock;
let llm;
before(async () => {
  mock = await startMock();
  llm = new LLM({ config: mock.config() });
});

// A provider that keeps what it was asked, and says one word.
const asked = [];
const house = http.createServer((request, response) => {
  let body = '';
  request.on('data', (piece) => (body += piece));
  request.on('end', () => {
    asked.push({ url: request.url, headers: request.headers, body: JSON.parse(body) });
    const message = { role: 'assistant', content: 'yes' };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ id: 'a', model: 'm', choices: [{ index: 0, message, finish_reason: 'stop' }] }));
  });
});
before(() => new Promise((resolve) => house.listen(0, '127.0.0.1', resolve)));
after(() => house.close());
const origin = () => `http://127.0.0.1:${house.address().port}`;

test('headers, key, place, body and idempotency key reach the provider', async () => {
  await llm.chat('chat/m', 'x', {
    baseURL: `${origin()}/elsewhere`,
    apiKey: 'secret',
    headers: { 'x-one': '1' },
    idempotencyKey: 'once',
    extraBody: { seed: 7 },
  });
  const { url, headers, body } = asked.at(-1);
  assert.equal(url, '/elsewhere/chat/completions');
  assert.equal(headers.authorization, 'Bearer secret');
  assert.deepEqual([headers['x-one'], headers['idempotency-key']], ['1', 'once']);
  assert.deepEqual([body.seed, body.model, body.messages.length], [7, 'm', 1]);
});

test('unknown keys of a request pass', async () => {
  const request = { model: 'chat/m', messages: [{ role: 'user', content: 'x' }], thinking_budget: 5 };
  await llm.chat(request, { baseURL: origin() });
  assert.equal(asked.at(-1).body.thinking_budget, 5);
  assert.deepEqual(Object.keys(request), ['model', 'messages', 'thinking_budget']);
});

test('provider makes the model its own name', async () => {
  assert.equal((await llm.chat('tokens=2', 'x', { provider: 'claude' })).provider, 'claude');
});

test('retries are counted', async () => {
  for (const [options, requests] of [[{ maxRetries: 0 }, 1], [{ maxRetries: 1 }, 2], [{ maxAttempts: 3 }, 3]]) {
    await mock.reset();
    await assert.rejects(llm.chat('chat/status=429;retry_after=1ms', 'x', options), RateLimitError);
    assert.equal((await mock.stats()).requests, requests);
  }
});

test('fallbacks are asked in order', async () => {
  const answer = await llm.chat('chat/status=500', 'x', {
    fallbacks: ['chat/status=503', 'claude/text=third'],
    maxAttempts: 3,
  });
  assert.equal(answer.text, 'third');
  assert.deepEqual(answer.attempts.map(({ status }) => status), [500, 503, null]);
});

test('operation warm has a connection stand', async () => {
  await mock.reset();
  await llm.chat('chat/echo', 'x', { operation: 'warm' });
  assert.equal((await mock.stats()).requests, 0);
});

test('raw brings the chunks of the provider', async () => {
  const events = await collect(llm.stream('chat/tokens=3;pace=1ms', 'x', { raw: true }));
  const raw = events.filter(({ type }) => type === 'raw').map(({ data }) => Buffer.from(data).toString());
  assert.ok(raw.length >= 3);
  assert.equal(JSON.parse(raw[0]).object, 'chat.completion.chunk');
  assert.ok(!(await collect(llm.stream('chat/tokens=3', 'x'))).some(({ type }) => type === 'raw'));
});

test('message keeps the text in done', async () => {
  const done = (events) => events.at(-1).told.message.content;
  assert.equal(done(await collect(llm.stream('chat/tokens=2', 'x', { message: true }))), 'w0 w1');
  assert.equal(done(await collect(llm.stream('chat/tokens=2', 'x'))), null);
});

test('cache: false is taken', async () => {
  assert.equal((await llm.chat('chat/tokens=2', 'x', { cache: false })).text, 'w0 w1');
});

test('unsupported parameters are dropped and told, or refused', async () => {
  const request = { model: 'claude/tokens=2', messages: [{ role: 'user', content: 'x' }], logit_bias: { 5: 1 } };
  assert.ok((await llm.chat(request)).dropped.some(({ param }) => param === 'logit_bias'));
  await assert.rejects(llm.chat(request, { unsupported: 'error' }), /logit_bias/);
});

test('onPartial and options are checked by the library', async () => {
  await assert.rejects(llm.chat('chat/echo', 'x', { onPartial: 'no such' }));
  await assert.rejects(llm.chat('chat/echo', 'x', { options: { no_such_key: 1 } }), (error) => {
    return error instanceof ConfigError && /no_such_key/.test(error.message);
  });
  assert.equal((await llm.chat('chat/echo', 'x', { onPartial: 'error', options: { max_attempts: 1 } })).text, 'x');
});

test('an unknown option and a time that is none are TypeErrors', async () => {
  await assert.rejects(llm.chat('chat/echo', 'x', { temprature: 1 }), /unknown option temprature/);
  await assert.rejects(llm.chat('chat/echo', 'x', { timeout: '5' }), TypeError);
  assert.throws(() => new LLM({ timeuot: 1 }), TypeError);
});

test('options of the client are defaults of its requests', async () => {
  await mock.reset();
  const patient = new LLM({ config: mock.config(), maxRetries: 1, headers: { 'x-one': '1' } });
  await assert.rejects(patient.chat('chat/status=429;retry_after=1ms', 'x'));
  await assert.rejects(patient.chat('chat/status=429;retry_after=1ms', 'x', { maxRetries: 0 }));
  assert.equal((await mock.stats()).requests, 3);
  await patient.chat('chat/m', 'x', { baseURL: origin() });
  assert.equal(asked.at(-1).headers['x-one'], '1');
});

test('no limit is no limit', async () => {
  const slow = new LLM({ config: { ...mock.config(), timeouts: { first_token: 0.2 } }, maxRetries: 0 });
  await assert.rejects(slow.stream('chat/tokens=2;ttft=600ms', 'x').final());
  const answer = await slow.stream('chat/tokens=2;ttft=600ms', 'x', { firstTokenTimeout: Infinity }).final();
  assert.equal(answer.text, 'w0 w1');
});

test('the cache takes every form', async () => {
  await mock.reset();
  const cached = new LLM({ config: { ...mock.config(), cache: { enabled: true } } });
  const ask = async (cache) => {
    await cached.chat('chat/echo', 'x', cache === undefined ? {} : { cache });
    return (await mock.stats()).requests;
  };
  assert.deepEqual([await ask(), await ask(), await ask(true)], [1, 1, 1]);
  assert.equal(await ask(false), 2);
  assert.equal(await ask('refresh'), 3);
  assert.deepEqual([await ask({ key: 'faq', ttl: 60, tags: ['t'] }), await ask({ key: 'faq' })], [4, 4]);
  assert.equal(await ask({ key: 'faq', refresh: true }), 5);
  await assert.rejects(ask({ tag: 't' }), (error) => error instanceof ConfigError && /cache\.tag/.test(error.message));
});

test('headers come as whatever fetch() takes', async () => {
  const pairs = [['x-one', '1'], ['x-two', '2']];
  for (const headers of [new Headers(pairs), new Map(pairs), pairs, Object.fromEntries(pairs)]) {
    await llm.chat('chat/m', 'x', { baseURL: origin(), headers });
    assert.deepEqual([asked.at(-1).headers['x-one'], asked.at(-1).headers['x-two']], ['1', '2']);
  }
});

test('what is undefined leaves the default as it is', async () => {
  const quick = llm.withOptions({ timeout: 50, maxRetries: 0 });
  await assert.rejects(quick.chat('chat/ttft=60s', 'x', { timeout: undefined, maxRetries: undefined }), { llmStatus: 'LLM_ERR_TIMEOUT' });
  assert.throws(() => llm.stream('mock/echo', 'x', { timeuot: undefined }), /unknown option/);
});

test('the README lists every option', () => {
  const readme = readFileSync(require.resolve('../README.md'), 'utf8');
  const row = readme.split('\n').find((line) => line.startsWith("| one request's wishes |"));
  const listed = new Set(row.match(/\w+/g));
  let known;
  try {
    llm.withOptions({ nothing: 1 });
  } catch ({ message }) {
    known = message.split('one of ')[1].split(', ');
  }
  assert.deepEqual(known.filter((name) => !listed.has(name)), []);
});
