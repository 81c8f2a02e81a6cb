'use strict';
// What is asked beside conversations, of a provider that this file plays.

const assert = require('node:assert/strict');
const { createServer } = require('node:http');
const { test, before, after } = require('node:test');
const { collect } = require('./mock');
const { InvalidArgumentError, LLM, UnsupportedError } = require('..');

const vectors = {
  object: 'list',
  data: [{ object: 'embedding', index: 0, embedding: [0.5, -1.25] }],
  model: 'm-1',
  usage: { prompt_tokens: 2, total_tokens: 2 },
};
const ranking = { id: 'r1', model: 'm-1', results: [{ index: 1, relevance_score: 0.9 }, { index: 0, relevance_score: 0.25 }] };
const sound = Buffer.from([0xff, 0xfb, 0x00, 0x80, 0x0a]);

const asked = [];
let server;
let llm;
before(async () => {
  server = createServer(async (request, response) => {
    const chunks = await collect(request);
    const body = Buffer.concat(chunks).toString();
    asked.push([request.url, body === '' ? null : JSON.parse(body)]);
    const spoken = request.url.endsWith('/audio/speech');
    response.setHeader('content-type', spoken ? 'audio/mpeg' : 'application/json');
    response.end(spoken ? sound : JSON.stringify(request.url.endsWith('/rerank') ? ranking : vectors));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  llm = new LLM({
    config: {
      providers: { house: { wire: 'openai_chat', base_url: `${url}/v1` }, claude: { wire: 'anthropic', base_url: url } },
    },
  });
});
after(() => {
  llm.close();
  server.close();
});

test('a model and texts make vectors, and so does a request', async () => {
  asked.length = 0;
  assert.deepEqual(await llm.embed('house/m', ['a', 'b']), vectors);
  assert.deepEqual(await llm.embed({ model: 'house/m', input: 'a', dimensions: 2 }, { timeout: 60_000 }), vectors);
  assert.deepEqual(asked, [
    ['/v1/embeddings', { model: 'm', input: ['a', 'b'] }],
    ['/v1/embeddings', { model: 'm', input: 'a', dimensions: 2 }],
  ]);
});

test('what lacks its texts, or is asked of who does not know it, is refused', async () => {
  await assert.rejects(llm.embed({ model: 'house/m' }), (error) => {
    return error instanceof InvalidArgumentError && /input is missing/.test(error.message);
  });
  await assert.rejects(llm.embed('claude/m', 'a'), UnsupportedError);
});

test('whatever else is asked comes in its own shape, parsed', async () => {
  const answer = await llm.ask('rerank', { model: 'house/m', query: 'q', documents: ['a', 'b'] });
  assert.deepEqual(answer.results.map(({ index }) => index), [1, 0]);
  const count = await llm.ask('count_tokens', { model: 'house/m', messages: [{ role: 'user', content: 'four words are here' }] });
  assert.equal(count.source, 'estimated');
  assert.ok(count.prompt_tokens > 4);
});

test('what is no JSON comes as bytes', async () => {
  const spoken = await llm.ask('speech', { model: 'house/m', input: 'hello', voice: 'v' });
  assert.equal(spoken.media_type, 'audio/mpeg');
  assert.deepEqual(spoken.data, sound);
});

test('an answer and a stream have it beside their account', async () => {
  const request = { model: 'house/m', input: 'a' };
  const answer = await llm.chat(request, { operation: 'embeddings' });
  assert.deepEqual(answer.result, vectors);
  assert.deepEqual(JSON.parse(answer.contents), vectors);
  assert.equal(answer.usage.prompt_tokens, 2);
  const whole = JSON.parse(JSON.stringify(answer));
  assert.deepEqual(whole.data, vectors.data);
  assert.equal(whole.libllm.target, 'house/m');
  const events = await collect(llm.stream(request, { operation: 'embeddings' }));
  assert.deepEqual(events.map(({ type }) => type), ['result', 'done']);
  assert.deepEqual(JSON.parse(events[0].data), vectors);
});

test('a conversation has no result', async () => {
  const answer = await llm.chat('mock/text=hi', 'x');
  assert.deepEqual([answer.text, answer.contents, answer.result, answer.media_type], ['hi', null, null, null]);
});
