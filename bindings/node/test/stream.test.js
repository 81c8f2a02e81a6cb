'use strict';
// Streams: what comes, in which order, and what happens to those that are left.

const assert = require('node:assert/strict');
const { test, before, beforeEach } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { collect, held, startMock } = require('./mock');
const libllm = require('..');
const { LLM } = libllm;

let mock;
let llm;
before(async () => {
  mock = await startMock();
});
beforeEach(async () => {
  await mock.reset();
  llm = new LLM({ config: mock.config() });
});

test('events come in order and end with done', async () => {
  const events = await collect(
    llm.stream('claude/reasoning=2;tokens=3;tool=f:{"a":"bcdefghijk"};pace=5ms', 'x', { coalesce: false }),
  );
  const types = events.map(({ type }) => type);
  assert.deepEqual(types.slice(0, 6), ['reasoning', 'reasoning', 'part', 'text', 'text', 'text'].slice(0, 6));
  assert.equal(types[6], 'tool_call');
  assert.equal(types.at(-1), 'done');
  assert.deepEqual(events.filter(({ type }) => type === 'text').map(({ text }) => text), ['w0', ' w1', ' w2']);
  assert.equal(events.filter(({ type }) => type === 'tool_args').map((each) => each.arguments).join(''), '{"a":"bcdefghijk"}');
  const part = events.find(({ type }) => type === 'part');
  assert.deepEqual([JSON.parse(part.raw_json), Object.keys(part)], [part.data, ['type', 'data', 'choice']]);
  const call = events.find(({ type }) => type === 'tool_call');
  assert.deepEqual([call.name, call.index, call.choice], ['f', 0, 0]);
  const done = events.at(-1);
  assert.ok(done instanceof libllm.Done);
  assert.equal(done.finish_reason, 'tool_calls');
  assert.equal(JSON.parse(JSON.stringify(done)).type, 'done');
});

test('textStream has the text alone, final the whole answer', async () => {
  const stream = llm.stream('claude/reasoning=3;tokens=20;pace=2ms', 'x');
  const text = (await collect(stream.textStream)).join('');
  assert.match(text, /^w0 w1 .* w19$/);
  const answer = await stream.final();
  assert.equal(answer.text, text);
  assert.equal(answer.message.reasoning, 'r0 r1 r2');
  assert.equal((await llm.stream('chat/tokens=3', 'x').final()).text, 'w0 w1 w2');
});

test('final after some events has all of the answer', async () => {
  const stream = llm.stream('chat/tokens=9;pace=5ms', 'x');
  const first = await stream.next();
  assert.match(first.value.text, /^w0/);
  assert.equal((await stream.final()).text, 'w0 w1 w2 w3 w4 w5 w6 w7 w8');
  assert.deepEqual(await stream.next(), { value: undefined, done: true });
});

test('who lags gets fewer, larger events, unless asked otherwise', async () => {
  for (const [coalesce, most] of [[true, 10], [false, 51]]) {
    const stream = llm.stream('chat/tokens=50;pace=1ms', 'x', { coalesce });
    await mock.sees('requests', 1);
    await mock.sees('live', 0);
    // What it waits for comes by the same queue.
    await llm.chat('chat/echo', 'x');
    const events = await collect(stream);
    assert.equal(events.filter(({ type }) => type === 'text').map(({ text }) => text).join('').split(' ').length, 50);
    assert.ok(events.length <= most, `${events.length} events`);
    assert.ok(coalesce || events.length === 51, `${events.length} events`);
    await mock.reset();
  }
});

test('a break closes the stream upstream', async () => {
  for await (const event of llm.stream('chat/tokens=2;stall=60s;at=1', 'x')) {
    assert.equal(event.text, 'w0');
    break;
  }
  await mock.sees('closed_by_client', 1);
});

test('an aborted signal closes the stream upstream and keeps its reason', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const stream = llm.stream('chat/tokens=2;stall=60s;at=1', 'x', { signal: controller.signal });
  await stream.next();
  const pending = stream.next();
  controller.abort(reason);
  await assert.rejects(pending, (error) => error instanceof libllm.APIUserAbortError && error.cause === reason);
  assert.deepEqual(await stream.next(), { value: undefined, done: true });
  await mock.sees('closed_by_client', 1);
  assert.throws(() => llm.stream('chat/echo', 'x', { signal: controller.signal }), libllm.APIUserAbortError);
});

test('an aborted chat is rejected and closed upstream', async () => {
  const controller = new AbortController();
  const pending = llm.chat('chat/tokens=2;ttft=60s', 'x', { signal: controller.signal });
  await mock.sees('live', 1);
  controller.abort();
  await assert.rejects(pending, libllm.APIUserAbortError);
  await mock.sees('closed_by_client', 1);
  await assert.rejects(llm.chat('chat/echo', 'x', { signal: controller.signal }), libllm.APIUserAbortError);
});

test('a signal that outlives its streams keeps none of them, and warns of nothing', async () => {
  const { getEventListeners } = require('node:events');
  const warnings = [];
  const warned = (warning) => warnings.push(warning);
  process.on('warning', warned);
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: 50 }, () => llm.chat('mock/echo', 'x', { signal })));
  await sleep(0);
  process.off('warning', warned);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  assert.deepEqual(warnings, []);
});

test('cancel ends whoever reads, close lets them end', async () => {
  const cancelled = llm.stream('chat/tokens=2;stall=60s;at=1', 'x');
  await cancelled.next();
  const reading = assert.rejects(collect(cancelled), libllm.APIUserAbortError);
  cancelled.cancel();
  cancelled.cancel();
  await reading;
  const closed = llm.stream('chat/tokens=2;stall=60s;at=1', 'x');
  await closed.next();
  const ending = collect(closed);
  closed.close();
  assert.deepEqual(await ending, []);
  await assert.rejects(closed.final(), libllm.APIUserAbortError);
  await mock.sees('closed_by_client', 2);
});

test('two readers of one stream are told so, and the first is not disturbed', async () => {
  const stream = llm.stream('chat/tokens=3;ttft=100ms', 'x');
  const whole = stream.final();
  await assert.rejects(stream.next(), libllm.BusyError);
  assert.equal((await whole).text, 'w0 w1 w2');
});

test('tee gives every event twice', async () => {
  const [left, right] = llm.stream('chat/tokens=6;pace=2ms', 'x', { coalesce: false }).tee();
  const [texts, events] = await Promise.all([collect(left.textStream), collect(right)]);
  assert.deepEqual(texts, ['w0', ' w1', ' w2', ' w3', ' w4', ' w5']);
  assert.equal(events.length, 7);
  assert.equal((await right.final()).text, texts.join(''));
});

test('tee goes on for one branch and ends with the last', async () => {
  const [left, right] = llm.stream('chat/tokens=4;stall=60s;at=3', 'x', { coalesce: false }).tee();
  for await (const _ of left) {
    break;
  }
  assert.equal((await right.next()).value.text, 'w0');
  assert.equal((await right.next()).value.text, ' w1');
  assert.equal((await mock.stats()).closed_by_client, 0);
  await right.return();
  await mock.sees('closed_by_client', 1);
});

test('both branches get an error', async () => {
  const branches = llm.stream('chat/tokens=4;cut=fin;at=2', 'x').tee();
  const caught = await Promise.all(branches.map((branch) => collect(branch).catch((error) => error)));
  assert.ok(caught.every((error) => error instanceof libllm.StreamInterruptedError));
});

test('a readable stream has server-sent events', async () => {
  const response = llm.stream('chat/text=Grüße 世界;pace=1ms', 'x').toResponse({ headers: { 'x-more': '1' } });
  assert.match(response.headers.get('content-type'), /^text\/event-stream/);
  assert.equal(response.headers.get('x-more'), '1');
  const frames = (await response.text()).trimEnd().split('\n\n').map((frame) => JSON.parse(frame.slice('data: '.length)));
  assert.equal(frames.filter(({ type }) => type === 'text').map(({ text }) => text).join(''), 'Grüße 世界');
  assert.equal(frames.at(-1).type, 'done');
});

test('a readable stream tells its error last', async () => {
  const body = await llm.stream('chat/tokens=4;cut=fin;at=2', 'x').toResponse().text();
  const last = body.trimEnd().split('\n\n').at(-1);
  assert.match(last, /^event: error\ndata: /);
  const { error } = JSON.parse(last.split('\n')[1].slice('data: '.length));
  assert.equal(error.name, 'StreamInterruptedError');
  assert.equal(error.rawBody, undefined);
});

test('a cancelled readable stream closes the stream upstream', async () => {
  const reader = llm.stream('chat/tokens=2;stall=60s;at=1', 'x').toReadableStream().getReader();
  await reader.read();
  await reader.cancel();
  await mock.sees('closed_by_client', 1);
});

test('a stream that is not read is held back, and nothing is lost', async () => {
  // Six megabytes of text, twenty times that on the wire: more than the library, this package and two sockets hold together.
  const tokens = 800_000;
  const stream = llm.stream(`chat/tokens=${tokens}`, 'x');
  let size = (await stream.next()).value.text.length;
  await held();
  assert.equal((await mock.stats()).live, 1, 'the mock has sent all of it to a reader that reads nothing');
  for await (const event of stream) {
    size += event.type === 'text' ? event.text.length : 0;
  }
  const digits = [1, 2, 3, 4, 5, 6].reduce((sum, n) => sum + n * (Math.min(tokens, 10 ** n) - (n === 1 ? 0 : 10 ** (n - 1))), 0);
  assert.equal(size, digits + 2 * tokens - 1);
});

test('a stream that nobody holds is closed upstream', { skip: !globalThis.gc && 'needs --expose-gc' }, async () => {
  (() => llm.stream('chat/tokens=2;stall=60s;at=1', 'x'))();
  await mock.sees('live', 1);
  for (let i = 0; i < 50 && (await mock.stats()).live > 0; i++) {
    await sleep(10);
    globalThis.gc();
  }
  await mock.sees('closed_by_client', 1);
});

test('a stream that is waited for is not dropped, whoever holds it', { skip: !globalThis.gc && 'needs --expose-gc' }, async () => {
  const waits = {
    final: () => llm.stream('chat/tokens=3;ttft=300ms', 'x').final().then(({ text }) => text),
    next: () => llm.stream('chat/tokens=1;ttft=300ms', 'x').next().then(({ value }) => value?.text),
    texts: async () => (await collect(llm.stream('chat/tokens=3;ttft=300ms', 'x').textStream)).join(''),
    branch: () => llm.stream('chat/tokens=3;ttft=300ms', 'x').tee()[1].final().then(({ text }) => text),
  };
  const expected = { final: 'w0 w1 w2', next: 'w0', texts: 'w0 w1 w2', branch: 'w0 w1 w2' };
  for (const [name, wait] of Object.entries(waits)) {
    let over = false;
    const said = wait().finally(() => (over = true));
    while (!over) {
      await sleep(10);
      globalThis.gc();
    }
    assert.equal(await said, expected[name], name);
  }
  assert.equal((await mock.stats()).closed_by_client, 0);
});

test('a dropped client lives as long as its streams', { skip: !globalThis.gc && 'needs --expose-gc' }, async () => {
  const stream = new LLM({ config: mock.config() }).stream('chat/tokens=5;ttft=200ms;pace=20ms', 'x');
  for (let i = 0; i < 5; i++) {
    await sleep(10);
    globalThis.gc();
  }
  assert.equal((await stream.final()).text, 'w0 w1 w2 w3 w4');
});

test('many streams at once need no more threads', async () => {
  const { readdirSync } = require('node:fs');
  const threads = () => readdirSync('/proc/self/task').length;
  await llm.chat('chat/echo', 'x');
  const few = threads();
  let most = 0;
  const expected = Array.from({ length: 8 }, (_, i) => `w${i}`).join(' ');
  const texts = await Promise.all(
    Array.from({ length: 300 }, async () => {
      let text = '';
      for await (const piece of llm.stream('chat/tokens=8;ttft=300ms;pace=20ms', 'x').textStream) {
        text += piece;
        most = Math.max(most, threads());
      }
      return text;
    }),
  );
  assert.ok(texts.every((text) => text === expected));
  assert.ok(most <= few, `${most} threads, ${few} before`);
});

test('a fallback is told as rerouted', async () => {
  const events = await collect(llm.stream('chat/status=529', 'x', { fallbacks: ['claude/tokens=3'], maxAttempts: 2 }));
  const [first] = events;
  assert.deepEqual(
    { ...first },
    { type: 'rerouted', from: 'chat/status=529', to: 'claude/tokens=3', reason: 'fallback', attempt: 2, voids: false },
  );
  assert.equal(events.at(-1).attempts.length, 2);
});
