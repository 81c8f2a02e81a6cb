'use strict';
// The official @anthropic-ai/sdk on llm.fetch: its own helpers and errors, whichever dialect the provider speaks.

const assert = require('node:assert/strict');
const { test, before, beforeEach } = require('node:test');
const Anthropic = require('@anthropic-ai/sdk');
const { collect, startMock } = require('./mock');
const { LLM } = require('..');

let mock;
let client;
before(async () => {
  mock = await startMock();
});
beforeEach(async () => {
  await mock.reset();
  const llm = new LLM({ config: mock.config(), maxRetries: 0 });
  client = new Anthropic({ fetch: llm.fetch, apiKey: 'unused', maxRetries: 0 });
});

const base = { max_tokens: 64, messages: [{ role: 'user', content: 'hi' }] };
const tools = [{ name: 'weather', input_schema: { type: 'object', properties: { city: { type: 'string' } } } }];
const tool = 'text=Let me see.;tool=weather:{"city":"Oslo"}';

for (const provider of ['claude', 'chat']) {
  test(`anthropic to ${provider}: a whole answer`, async () => {
    const { data, response, request_id } = await client.messages.create({ ...base, model: `${provider}/tokens=4` }).withResponse();
    assert.deepEqual(data.content.map(({ type, text }) => [type, text]), [['text', 'w0 w1 w2 w3']]);
    assert.equal(data.stop_reason, 'end_turn');
    assert.equal(data.usage.output_tokens, 4);
    assert.equal(response.status, 200);
    assert.ok(request_id);
  });

  test(`anthropic to ${provider}: a stream`, async () => {
    const events = await collect(await client.messages.create({ ...base, model: `${provider}/tokens=6;pace=2ms`, stream: true }));
    const text = events.map((event) => (event.type === 'content_block_delta' ? event.delta.text : '')).join('');
    assert.equal(text, 'w0 w1 w2 w3 w4 w5');
    assert.equal(events[0].type, 'message_start');
    assert.equal(events.at(-1).type, 'message_stop');
  });

  test(`anthropic to ${provider}: its accumulating helper, with a tool call`, async () => {
    const stream = client.messages.stream({ ...base, model: `${provider}/${tool};pace=1ms`, tools });
    const pieces = [];
    stream.on('text', (piece) => pieces.push(piece));
    const message = await stream.finalMessage();
    assert.equal(pieces.join(''), 'Let me see.');
    assert.equal(message.stop_reason, 'tool_use');
    const call = message.content.find(({ type }) => type === 'tool_use');
    assert.deepEqual([call.name, call.input], ['weather', { city: 'Oslo' }]);
    // The turn goes back as the SDK has it.
    const next = [
      ...base.messages,
      { role: 'assistant', content: message.content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: 'rain' }, { type: 'text', text: 'and now' }] },
    ];
    const answer = await client.messages.create({ ...base, model: `${provider}/text=rain then`, tools, messages: next });
    assert.equal(answer.content[0].text, 'rain then');
  });

  test(`anthropic to ${provider}: its errors`, async () => {
    for (const [script, found, status] of [
      ['status=400;error=invalid_request', Anthropic.BadRequestError, 400],
      ['status=401;error=auth', Anthropic.AuthenticationError, 401],
      ['status=403;error=permission', Anthropic.PermissionDeniedError, 403],
      ['status=404;error=not_found', Anthropic.NotFoundError, 404],
      ['status=429;error=rate_limited', Anthropic.RateLimitError, 429],
      ['status=500;error=server_error', Anthropic.InternalServerError, 500],
    ]) {
      await assert.rejects(client.messages.create({ ...base, model: `${provider}/${script}` }), (error) => {
        assert.equal(error.constructor, found, script);
        assert.equal(error.status, status);
        assert.ok(error.requestID, script);
        return true;
      });
    }
  });

  test(`anthropic to ${provider}: a break, an abort and a timeout close the stream upstream`, async () => {
    const request = { ...base, model: `${provider}/tokens=3;stall=60s;at=2`, stream: true };
    for await (const event of await client.messages.create(request)) {
      if (event.type === 'content_block_delta') break;
    }
    await mock.sees('closed_by_client', 1);

    const stream = client.messages.stream({ ...base, model: request.model });
    stream.on('text', () => stream.abort());
    await assert.rejects(stream.finalMessage(), Anthropic.APIUserAbortError);
    await mock.sees('closed_by_client', 2);

    const slow = client.messages.create({ ...base, model: `${provider}/ttft=60s` }, { timeout: 300 });
    await assert.rejects(slow, Anthropic.APIConnectionTimeoutError);
    await mock.sees('closed_by_client', 3);
  });

  test(`anthropic to ${provider}: an answer that is cut is an error`, async () => {
    const stream = await client.messages.create({ ...base, model: `${provider}/tokens=9;pace=2ms;cut=rst;at=3`, stream: true });
    let text = '';
    await assert.rejects(async () => {
      for await (const event of stream) {
        text += event.type === 'content_block_delta' ? event.delta.text : '';
      }
    });
    assert.equal(text, 'w0 w1 w2');
  });
}

test('anthropic: reasoning is thinking', async () => {
  const message = await client.messages.stream({ ...base, model: 'claude/reasoning=3;tokens=2' }).finalMessage();
  const [thinking] = message.content;
  assert.deepEqual([thinking.type, thinking.thinking], ['thinking', 'r0 r1 r2']);
  assert.ok(thinking.signature);
});
