'use strict';
// What a process may rely on: it exits when nothing is under way, at any moment, and so do its workers.
// Variables: LLM_EXITS (20; processes ended in mid-stream and idle), LLM_WORKERS (200).

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { join } = require('node:path');
const { test, before } = require('node:test');
const { promisify } = require('node:util');
const { Worker } = require('node:worker_threads');
const { once } = require('node:events');
const { startMock } = require('./mock');

const exits = Number(process.env.LLM_EXITS ?? 20);
const workers = Number(process.env.LLM_WORKERS ?? 200);
const entry = JSON.stringify(join(__dirname, '..'));
const run = promisify(execFile);

let mock;
before(async () => {
  mock = await startMock();
});

// Runs a program; it must exit with 0 and say nothing on standard error.
async function program(code, ...args) {
  const source = `const { LLM } = require(${entry}); (async () => { ${code} })()`;
  const { stdout, stderr } = await run(process.execPath, ['-e', source, ...args], { timeout: 60_000 });
  assert.equal(stderr, '');
  return stdout.trim();
}

test('a process exits when its answers are there', async () => {
  const code = `const llm = new LLM(); console.log((await llm.chat('mock/tokens=3', 'x')).text)`;
  assert.equal(await program(code), 'w0 w1 w2');
});

test('a process stays for an answer that is on its way', async () => {
  const code = `new LLM().chat('mock/tokens=3;ttft=300ms', 'x').then((answer) => console.log(answer.text))`;
  assert.equal(await program(code), 'w0 w1 w2');
});

test('a client that asked nothing keeps no process', async () => {
  assert.equal(await program(`new LLM(); require(${entry}).setLogger(console, 'debug'); console.log('end')`), 'end');
});

test('a stream that was left keeps no process', async () => {
  const code = `for await (const event of new LLM().stream('mock/tokens=2;stall=60s;at=1', 'x')) { console.log(event.text); break; }`;
  assert.equal(await program(code), 'w0');
});

test(`${exits} processes exit in mid-stream and idle`, async () => {
  const config = JSON.stringify(mock.config());
  const middle = `
    const llm = new LLM({ config: process.argv[1] });
    for (let i = 0; i < 8; i++) (async () => { for await (const _ of llm.stream('chat/tokens=500;pace=200us', 'x')); })();
    setTimeout(() => process.exit(0), 20 + Math.random() * 60);`;
  const idle = `const llm = new LLM({ config: process.argv[1] }); await llm.chat('chat/tokens=2', 'x');`;
  for (let i = 0; i < exits; i += 2) {
    await Promise.all([program(middle, config), program(idle, config)]);
  }
});

const source = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { LLM } = require(workerData.entry);
  const llm = new LLM({ config: workerData.config });
  for (let i = 0; i < 4; i++) (async () => {
    for await (const event of llm.stream(workerData.model, 'x')) {
      if (event.type === 'text') parentPort.postMessage(event.text);
    }
  })();`;
const worker = (model, config) => new Worker(source, { eval: true, workerData: { entry: join(__dirname, '..'), config, model } });

test('a worker has streams of its own, and ends by itself', async () => {
  const started = worker('chat/tokens=3;pace=2ms', mock.config());
  let said = '';
  started.on('message', (text) => (said += text));
  assert.deepEqual(await once(started, 'exit'), [0]);
  assert.equal(said.length, 4 * 'w0 w1 w2'.length);
});

test(`${workers} workers are terminated in mid-stream`, async () => {
  await mock.reset();
  const config = mock.config();
  // Eight at a time, each at another moment of its life.
  const lane = async (first) => {
    for (let i = first; i < workers; i += 8) {
      const started = worker('chat/tokens=100000;pace=500us', config);
      if (i % 4 > 0) {
        await once(started, 'message');
      }
      await started.terminate();
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, i) => lane(i)));
  await mock.sees('live', 0);
});

test('a worker may exit in mid-stream, and the main thread goes on', async () => {
  const { LLM } = require('..');
  const pending = new LLM({ config: mock.config() }).stream('chat/tokens=30;pace=20ms', 'x').final();
  const ended = new Worker(`${source} setTimeout(() => process.exit(3), 50)`, {
    eval: true,
    workerData: { entry: join(__dirname, '..'), config: mock.config(), model: 'chat/tokens=1000;pace=1ms' },
  });
  assert.deepEqual(await once(ended, 'exit'), [3]);
  assert.match((await pending).text, / w29$/);
});

test('a worker that loads the addon first and last leaves no fault', async () => {
  const code = `
    const { Worker } = require('node:worker_threads');
    for (let i = 0; i < 3; i++) {
      const worker = new Worker(process.argv[1], { eval: true });
      await require('node:events').once(worker, 'message');
      await worker.terminate();
    }
    console.log('end');`;
  const inside = `
    const { LLM } = require(${entry});
    const stream = new LLM().stream('mock/tokens=1000;pace=1ms', 'x');
    stream.next().then(() => require('node:worker_threads').parentPort.postMessage('on'));`;
  const { stdout, stderr } = await run(process.execPath, ['-e', `(async () => { ${code} })()`, inside], { timeout: 60_000 });
  assert.deepEqual([stdout.trim(), stderr], ['end', '']);
});
