'use strict';
// The official openai package on llm.fetch: its own helpers and errors, whichever dialect the provider speaks.

const assert = require('node:assert/strict');
const { test, before, beforeEach } = require('node:test');
const OpenAI = require('openai');
const { collect, startMock } = require('./mock');
const { LLM } = require('..');

let mock;
let llm;
let client;
before(async () => {
  mock = await startMock();
});
beforeEach(async () => {
  await mock.reset();
  llm = new LLM({ config: mock.config(), maxRetries: 0 });
  client = new OpenAI({ fetch: llm.fetch, apiKey: 'unused', maxRetries: 0 });
});

const messages = [{ role: 'user', content: 'hi' }];
const tools = [
  {
    type: 'function',
    function: {
      name: 'weather',
      parameters: { type: 'object', properties: { city: { type: 'string' } } },
      parse: JSON.parse,
      function: ({ city }) => `rain in ${city}`,
    },
  },
];
const tool = 'text=Let me see.;tool=weather:{"city":"Oslo"}';

for (const provider of ['chat', 'claude']) {
  test(`openai to ${provider}: a whole answer`, async () => {
    const { data, response, request_id } = await client.chat.completions
      .create({ model: `${provider}/tokens=4`, messages, max_tokens: 64 })
      .withResponse();
    assert.equal(data.choices[0].message.content, 'w0 w1 w2 w3');
    assert.equal(data.choices[0].finish_reason, 'stop');
    assert.equal(data.usage.completion_tokens, 4);
    assert.equal(response.status, 200);
    assert.ok(request_id);
  });

  test(`openai to ${provider}: a stream`, async () => {
    const stream = await client.chat.completions.create({
      model: `${provider}/tokens=6;pace=2ms`,
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await collect(stream);
    assert.equal(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join(''), 'w0 w1 w2 w3 w4 w5');
    assert.equal(chunks.at(-1).usage.completion_tokens, 6);
  });

  test(`openai to ${provider}: its accumulating helper, with a tool call`, async () => {
    const stream = client.chat.completions.stream({ model: `${provider}/${tool};pace=1ms`, messages, tools });
    const pieces = [];
    stream.on('content', (piece) => pieces.push(piece));
    const { choices } = await stream.finalChatCompletion();
    assert.equal(pieces.join(''), 'Let me see.');
    assert.equal(choices[0].message.content, 'Let me see.');
    assert.equal(choices[0].finish_reason, 'tool_calls');
    const [call] = choices[0].message.tool_calls;
    assert.deepEqual([call.function.name, JSON.parse(call.function.arguments)], ['weather', { city: 'Oslo' }]);
  });

  test(`openai to ${provider}: its errors`, async () => {
    for (const [script, found, status] of [
      ['status=400;error=invalid_request', OpenAI.BadRequestError, 400],
      ['status=401;error=auth', OpenAI.AuthenticationError, 401],
      ['status=403;error=permission', OpenAI.PermissionDeniedError, 403],
      ['status=404;error=not_found', OpenAI.NotFoundError, 404],
      ['status=429;error=rate_limited;retry_after=2', OpenAI.RateLimitError, 429],
      ['status=500;error=server_error', OpenAI.InternalServerError, 500],
    ]) {
      const pending = client.chat.completions.create({ model: `${provider}/${script}`, messages });
      await assert.rejects(pending, (error) => {
        assert.equal(error.constructor, found, script);
        assert.equal(error.status, status);
        assert.ok(error.message.length > 4);
        assert.ok(error.requestID, script);
        return true;
      });
    }
  });

  test(`openai to ${provider}: a break, an abort and a timeout close the stream upstream`, async () => {
    const request = { model: `${provider}/tokens=3;stall=60s;at=2`, messages, stream: true };
    for await (const chunk of await client.chat.completions.create(request)) {
      if (chunk.choices[0]?.delta.content) break;
    }
    await mock.sees('closed_by_client', 1);

    const controller = new AbortController();
    const stream = await client.chat.completions.create(request, { signal: controller.signal });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) controller.abort();
    }
    await mock.sees('closed_by_client', 2);

    const slow = client.chat.completions.create({ model: `${provider}/ttft=60s`, messages }, { timeout: 300 });
    await assert.rejects(slow, OpenAI.APIConnectionTimeoutError);
    await mock.sees('closed_by_client', 3);
  });

  test(`openai to ${provider}: an answer that is cut is an error`, async () => {
    const stream = await client.chat.completions.create({ model: `${provider}/tokens=9;pace=2ms;cut=rst;at=3`, messages, stream: true });
    let text = '';
    await assert.rejects(async () => {
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? '';
      }
    });
    assert.equal(text, 'w0 w1 w2');
  });
}

for (const provider of ['chat', 'claude']) {
  test(`openai to ${provider}: Responses, whole and streamed`, async () => {
    const answer = await client.responses.create({ model: `${provider}/tokens=3`, input: 'hi' });
    assert.equal(answer.output_text, 'w0 w1 w2');
    const stream = client.responses.stream({ model: `${provider}/${tool};pace=1ms`, input: 'hi' });
    const whole = await stream.finalResponse();
    assert.equal(whole.output_text, 'Let me see.');
    const call = whole.output.find(({ type }) => type === 'function_call');
    assert.deepEqual([call.name, JSON.parse(call.arguments)], ['weather', { city: 'Oslo' }]);
  });
}

test('openai: its tool runner goes round until the answer', async () => {
  // The second turn is asked of the same script, so the first call is all that it may make.
  const runner = client.chat.completions.runTools({ model: `chat/${tool}`, messages, tools }, { maxChatCompletions: 1 });
  await runner.done();
  assert.ok(runner.messages.some(({ role, content }) => role === 'tool' && content === 'rain in Oslo'));
});

test('openai: structured output is parsed', async () => {
  const response_format = {
    type: 'json_schema',
    json_schema: { name: 'place', schema: { type: 'object' }, strict: true },
    __output: null,
    $brand: 'auto-parseable-response-format',
    $parseRaw: JSON.parse,
  };
  const answer = await client.chat.completions.parse({ model: 'chat/text={"city":"Oslo"}', messages, response_format });
  assert.deepEqual(answer.choices[0].message.parsed, { city: 'Oslo' });
});

test('openai: nobody to connect to is its connection error', async () => {
  const config = { providers: { house: { wire: 'openai_chat', base_url: 'http://127.0.0.1:9' } } };
  const alone = new OpenAI({ fetch: new LLM({ config, maxRetries: 0 }).fetch, apiKey: 'unused', maxRetries: 0 });
  await assert.rejects(alone.chat.completions.create({ model: 'house/x', messages }), OpenAI.APIConnectionError);
});

test('openai: fallbacks work under the SDK', async () => {
  const routed = new OpenAI({
    fetch: llm.withOptions({ fallbacks: ['claude/text=second'], maxRetries: 1 }).fetch,
    apiKey: 'unused',
    maxRetries: 0,
  });
  const answer = await routed.chat.completions.create({ model: 'chat/status=529', messages });
  assert.equal(answer.choices[0].message.content, 'second');
});

test('openai: many streams at once', async () => {
  const texts = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const stream = await client.chat.completions.create({ model: 'claude/tokens=20;pace=2ms', messages, stream: true });
      return (await collect(stream)).map(({ choices }) => choices[0]?.delta.content ?? '').join('');
    }),
  );
  assert.ok(texts.every((text) => text === texts[0] && text.endsWith('w19')));
});
