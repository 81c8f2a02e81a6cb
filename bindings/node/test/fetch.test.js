'use strict';
// llm.fetch as a fetch: what it takes, what it gives, and what it does not hold.

const assert = require('node:assert/strict');
const { test, before, beforeEach } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { held, startMock } = require('./mock');
const { LLM } = require('..');

let mock;
let llm;
before(async () => {
  mock = await startMock();
});
beforeEach(async () => {
  await mock.reset();
  llm = new LLM({ config: mock.config(), maxRetries: 0 });
});

const url = 'https://api.openai.com/v1/chat/completions';
const body = (model, more) => JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }], ...more });
const headers = { 'content-type': 'application/json', authorization: 'Bearer unused' };

test('a Response has status, headers and a body', async () => {
  const response = await llm.fetch(url, { method: 'POST', headers, body: body('chat/tokens=2') });
  assert.ok(response instanceof Response);
  assert.deepEqual([response.status, response.ok], [200, true]);
  assert.match(response.headers.get('content-type'), /^application\/json/);
  assert.equal((await response.json()).choices[0].message.content, 'w0 w1');
});

test('a URL, a Request and bytes do as well', async () => {
  const bytes = new TextEncoder().encode(body('chat/tokens=2'));
  for (const [input, init] of [
    [new URL(url), { method: 'post', headers: new Headers(headers), body: bytes }],
    [new Request(url, { method: 'POST', headers, body: bytes }), undefined],
    [new Request(url, { method: 'POST', headers, body: 'no JSON' }), { body: body('chat/tokens=2') }],
    ['/v1/chat/completions', { method: 'POST', headers, body: body('chat/tokens=2') }],
  ]) {
    const response = await llm.fetch(input, init);
    assert.equal((await response.json()).choices[0].message.content, 'w0 w1');
  }
});

test('models are listed', async () => {
  const configured = new LLM({ config: { models: { fast: { targets: [{ model: 'mock/echo' }] } } } });
  const { data } = await (await configured.fetch('https://api.openai.com/v1/models')).json();
  assert.ok(data.some(({ id }) => id === 'fast'));
});

test('what is wrong with a request is an answer', async () => {
  const response = await llm.fetch(url, { method: 'POST', headers, body: '{"model":' });
  assert.equal(response.status, 400);
  assert.ok((await response.json()).error.message);
});

test('a way that is closed is a TypeError with its cause', async () => {
  const config = { providers: { house: { wire: 'openai_chat', base_url: 'http://127.0.0.1:9' } } };
  const alone = new LLM({ config, maxRetries: 0 });
  await assert.rejects(alone.fetch(url, { method: 'POST', headers, body: body('house/x') }), (error) => {
    return error instanceof TypeError && error.cause.llmStatus === 'LLM_ERR_CONNECT';
  });
});

test('an abort before, during and after the head', async () => {
  const reason = new Error('enough');
  const before = { method: 'POST', headers, body: body('chat/echo'), signal: AbortSignal.abort(reason) };
  await assert.rejects(llm.fetch(url, before), reason);

  const during = new AbortController();
  const pending = llm.fetch(url, { method: 'POST', headers, body: body('chat/ttft=60s'), signal: during.signal });
  await mock.sees('live', 1);
  during.abort(reason);
  await assert.rejects(pending, reason);
  await mock.sees('closed_by_client', 1);

  const after = new AbortController();
  const script = 'chat/tokens=3;stall=60s;at=2';
  const response = await llm.fetch(url, { method: 'POST', headers, body: body(script, { stream: true }), signal: after.signal });
  const reader = response.body.getReader();
  await reader.read();
  after.abort(reason);
  await assert.rejects(async () => {
    while (!(await reader.read()).done);
  }, reason);
  await mock.sees('closed_by_client', 2);
});

test('a body that is cancelled closes the stream upstream', async () => {
  const response = await llm.fetch(url, { method: 'POST', headers, body: body('chat/tokens=3;stall=60s;at=2', { stream: true }) });
  await response.body.cancel();
  await mock.sees('closed_by_client', 1);
});

test('a body that is not read is held back, and nothing is lost', async () => {
  const tokens = 200_000;
  const response = await llm.fetch(url, { method: 'POST', headers, body: body(`chat/tokens=${tokens}`, { stream: true }) });
  await held();
  assert.equal((await mock.stats()).live, 1, 'the mock has sent all of it to a reader that reads nothing');
  const text = await response.text();
  assert.equal(text.match(/"content":" ?w\d+"/g).length, tokens);
  assert.match(text, /data: \[DONE\]\n\n$/);
});

test('an answer that nobody holds is closed upstream', { skip: !globalThis.gc && 'needs --expose-gc' }, async () => {
  const ask = (model) => llm.fetch(url, { method: 'POST', headers, body: body(model, { stream: true }) });
  await (async () => assert.equal((await ask('chat/tokens=2;stall=60s;at=1')).status, 200))();
  await mock.sees('live', 1);
  for (let i = 0; i < 100 && (await mock.stats()).live > 0; i++) {
    await sleep(10);
    globalThis.gc();
  }
  await mock.sees('closed_by_client', 1);
});

test('an answer that is being read is not dropped, whoever holds it', { skip: !globalThis.gc && 'needs --expose-gc' }, async () => {
  let over = false;
  const read = async () => (await llm.fetch(url, { method: 'POST', headers, body: body('chat/tokens=4;pace=60ms', { stream: true }) })).text();
  const text = read().finally(() => (over = true));
  while (!over) {
    await sleep(5);
    globalThis.gc();
  }
  assert.match(await text, /\[DONE\]\s*$/);
  assert.equal((await mock.stats()).closed_by_client, 0);
});
