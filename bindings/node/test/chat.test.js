'use strict';
// Whole answers, the client's own doors, and what the library refuses.

const assert = require('node:assert/strict');
const { mkdtemp, rm, writeFile } = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { test, before } = require('node:test');
const { startMock } = require('./mock');
const libllm = require('..');
const { LLM } = libllm;

let mock;
before(async () => {
  mock = await startMock();
});

test('an answer has text, usage and its account', async () => {
  const llm = new LLM({ config: mock.config() });
  const answer = await llm.chat({ model: 'chat/tokens=5', messages: [{ role: 'user', content: 'hi' }] });
  assert.equal(answer.text, 'w0 w1 w2 w3 w4');
  assert.equal(answer.finish_reason, 'stop');
  assert.equal(answer.usage.completion_tokens, 5);
  assert.equal(answer.usage.source, 'reported');
  assert.equal(answer.provider, 'chat');
  assert.equal(answer.target, 'chat/tokens=5');
  assert.equal(answer.cost_usd, null);
  assert.ok(answer.request_id);
  assert.ok(answer.total_ms >= answer.ttft_ms && answer.ttft_ms > 0);
  assert.deepEqual(answer.attempts.map(({ provider, llmStatus }) => [provider, llmStatus]), [['chat', 'LLM_OK']]);
  assert.deepEqual(answer.message, { role: 'assistant', content: 'w0 w1 w2 w3 w4' });
  const whole = JSON.parse(JSON.stringify(answer));
  assert.equal(whole.object, 'chat.completion');
  assert.equal(whole.choices[0].message.content, answer.text);
  assert.equal(whole.libllm.provider, 'chat');
});

test('a model and a prompt are a request, and so are a model and messages', async () => {
  const llm = new LLM({ config: mock.config() });
  assert.equal((await llm.chat('chat/echo', 'Grüße, 世界 😀')).text, 'Grüße, 世界 😀');
  const messages = [{ role: 'user', content: 'two words' }];
  assert.equal((await llm.chat('claude/echo', messages, { timeout: 60_000 })).text, 'two words');
});

test('tool calls come whole, and their turn goes back', async () => {
  const llm = new LLM({ config: mock.config() });
  const answer = await llm.chat('claude/reasoning=3;text=Let me see;tool=weather:{"city":"Oslo"};tool=time:{}', 'cold?');
  assert.equal(answer.finish_reason, 'tool_calls');
  assert.deepEqual(answer.tool_calls.map((each) => [each.function.name, each.function.arguments]), [
    ['weather', '{"city":"Oslo"}'],
    ['time', '{}'],
  ]);
  assert.equal(answer.message.reasoning, 'r0 r1 r2');
  const results = answer.tool_calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: 'no' }));
  const messages = [{ role: 'user', content: 'cold?' }, answer.message, ...results, { role: 'user', content: 'so?' }];
  assert.equal((await llm.chat('claude/echo', messages)).text, 'so?');
});

test('n answers are n choices', async () => {
  const llm = new LLM({ config: mock.config() });
  const answer = await llm.chat({ model: 'chat/tokens=2;n=3', n: 3, messages: [{ role: 'user', content: 'x' }] });
  assert.deepEqual(answer.choices.map(({ index, message }) => [index, message.content]), [
    [0, 'w0 w1'],
    [1, 'w0 w1'],
    [2, 'w0 w1'],
  ]);
});

test('a refusal is no text', async () => {
  const answer = await new LLM({ config: mock.config() }).chat('chat/refusal=I can not', 'x');
  assert.equal(answer.message.refusal, 'I can not');
  assert.equal(answer.text, '');
});

test('what the library refuses is rejected by chat and thrown by stream', async () => {
  const llm = new LLM({ config: mock.config() });
  await assert.rejects(llm.chat('chart/x', 'x'), (error) => {
    assert.ok(error instanceof libllm.ConfigError);
    assert.match(error.message, /chat/);
    return error.phase === 'local';
  });
  assert.throws(() => llm.stream('chart/x', 'x'), libllm.ConfigError);
  assert.throws(() => llm.stream({ model: 'chat/x', messages: [] }), libllm.InvalidArgumentError);
  assert.throws(() => new LLM({ config: { providers: { openai: { api_kye: 'k' } } } }), /closest: api_key/);
  assert.throws(() => new LLM({ config: '@/no/such/file.toml' }), libllm.ConfigError);
});

test('reload replaces the configuration, withOptions only defaults', async () => {
  const llm = new LLM({ config: '[models.m]\ntargets = [{ model = "mock/text=one" }]\n' });
  assert.equal((await llm.chat('m', 'x')).text, 'one');
  llm.reload({ models: { m: { targets: [{ model: 'mock/text=two' }] } } });
  assert.equal((await llm.chat('m', 'x')).text, 'two');
  assert.throws(() => llm.reload('[models'), libllm.ConfigError);
  const other = llm.withOptions({ provider: 'mock' });
  assert.equal((await other.chat('text=three', 'x')).text, 'three');
  assert.equal((await llm.chat('m', 'x')).text, 'two');
});

test('metrics are text', async () => {
  const llm = new LLM({ config: mock.config() });
  await llm.chat('chat/tokens=2', 'x');
  assert.ok(JSON.parse(llm.metrics()));
  assert.match(llm.metrics('prometheus'), /^# (HELP|TYPE) /m);
  assert.throws(() => llm.metrics('xml'), TypeError);
});

test('a closed client cancels what is in flight and takes no more', async () => {
  await mock.reset();
  const llm = new LLM({ config: mock.config() });
  const pending = llm.chat('chat/tokens=2;ttft=60s', 'x');
  await mock.sees('live', 1);
  llm.close();
  llm.close();
  await assert.rejects(pending, libllm.APIUserAbortError);
  await assert.rejects(llm.chat('chat/echo', 'x'), libllm.ClosedError);
  assert.throws(() => llm.metrics(), libllm.ClosedError);
  await mock.sees('closed_by_client', 1);
});

test('drain waits for what is in flight, and cancels what is late', async () => {
  await mock.reset();
  const llm = new LLM({ config: mock.config() });
  const pending = llm.chat('chat/tokens=3;ttft=200ms', 'x');
  const drained = llm.drain();
  await assert.rejects(llm.chat('chat/echo', 'x'), libllm.ClosedError);
  assert.equal((await pending).text, 'w0 w1 w2');
  await drained;

  const late = new LLM({ config: mock.config() });
  const stuck = assert.rejects(late.chat('chat/tokens=3;ttft=60s', 'x'), libllm.APIUserAbortError);
  await mock.sees('live', 1);
  await late.drain({ timeout: 1 });
  await stuck;
  await mock.sees('closed_by_client', 1);
});

test('the log comes to a logger of this thread', async () => {
  const lines = [];
  libllm.setLogger({ debug: (line) => lines.push(['debug', line]), info: (line) => lines.push(['info', line]) }, 'debug');
  await new LLM({ config: mock.config() }).chat('chat/tokens=2', 'x');
  libllm.setLogger(null);
  const count = lines.length;
  assert.ok(lines.some(([, line]) => /chat\/tokens=2/.test(line)), JSON.stringify(lines));
  await new LLM({ config: mock.config() }).chat('chat/tokens=2', 'x');
  assert.equal(lines.length, count);
  assert.throws(() => libllm.setLogger(console, 'loud'), TypeError);
});

test('an empty configuration is not the environment', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'libllm-'));
  const file = path.join(folder, 'llm.toml');
  await writeFile(file, '[models.fast]\ntargets = [{ model = "mock/text=ours" }]\n');
  process.env.LLM_CONFIG = file;
  try {
    const llm = new LLM();
    assert.equal((await llm.chat('fast', 'x')).text, 'ours');
    llm.reload({});
    await assert.rejects(llm.chat('fast', 'x'), /fast/);
    await assert.rejects(new LLM({ config: {} }).chat('fast', 'x'), /fast/);
  } finally {
    delete process.env.LLM_CONFIG;
    await rm(folder, { recursive: true });
  }
});

test('half a character is said as a replacement', async () => {
  const said = 'a\ud83d b\udc00\ud83d\ude00 \\ud83d \\\\';
  assert.equal((await new LLM({ config: {} }).chat('mock/echo', said)).text, 'a\ufffd b\ufffd\u{1f600} \\ud83d \\\\');
});

test('the first choice is the lowest there is', async () => {
  for (const [first, texts] of [['status=500', ['two', 'three']], ['text=one', ['one', 'two', 'three']]]) {
    const targets = [first, 'text=two', 'text=three'].map((script) => ({ model: `mock/${script}` }));
    const llm = new LLM({ config: { models: { all: { targets, strategy: 'race', race: 3, race_return: 'all' } } } });
    const answer = await llm.chat('all', 'x');
    assert.deepEqual(answer.choices.map(({ message }) => message.content), texts);
    assert.deepEqual(answer.choices.map(({ index }) => index), [0, 1, 2].slice(3 - texts.length));
    assert.deepEqual([answer.text, answer.message.content, answer.message.role], [texts[0], texts[0], 'assistant']);
  }
  const targets = [{ model: 'mock/status=500' }, { model: 'mock/text=kept' }];
  const answer = await new LLM({ config: { models: { all: { targets, strategy: 'race', race_return: 'all' } } } }).chat('all', 'x');
  assert.deepEqual([answer.text, answer.choices.map(({ index }) => index)], ['kept', [1]]);
});
