'use strict';
// What the tests share: `libllm mock` on a real socket, and clients that ask it. LLM_BIN names the command `libllm`.

const { spawn } = require('node:child_process');
const assert = require('node:assert/strict');
const readline = require('node:readline');
const { setTimeout: sleep } = require('node:timers/promises');

// A test that waits longer than this for a socket to be closed has found a leak.
const WAIT_MS = 20_000;

/** Starts the mock for one test file; it ends with the file. */
async function startMock() {
  const server = spawn(process.env.LLM_BIN ?? 'libllm', ['mock', '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.on('exit', () => server.kill('SIGKILL'));
  for await (const line of readline.createInterface({ input: server.stdout })) {
    // Nothing that the file's process should stay for.
    server.unref();
    server.stdout.unref();
    return new Mock(line.replace('listening on ', '').trim());
  }
  throw new Error('the mock did not start');
}

class Mock {
  #keys = 0;

  constructor(origin) {
    this.origin = origin;
  }

  async stats() {
    return (await fetch(`${this.origin}/stats`)).json();
  }

  /** Waits for nothing to be under way, then counts anew. */
  async reset() {
    await this.sees('live', 0);
    await fetch(`${this.origin}/stats`, { method: 'DELETE' });
  }

  /** Waits until that statistic has that value. */
  async sees(key, value) {
    const until = Date.now() + WAIT_MS;
    for (;;) {
      const now = await this.stats();
      if (now[key] === value) {
        return;
      }
      assert.ok(Date.now() < until, `${key} is not ${value}: ${JSON.stringify(now)}`);
      await sleep(10);
    }
  }

  /** Providers `chat` (OpenAI's dialect) and `claude` (Anthropic's), both the mock. Scripts that count requests count by the key. */
  config() {
    const headers = { 'x-mock-key': `${process.pid}-${this.#keys++}` };
    return {
      providers: {
        chat: { wire: 'openai_chat', base_url: `${this.origin}/v1`, headers },
        claude: { wire: 'anthropic', base_url: this.origin, headers },
      },
    };
  }
}

/** Waits until a stream's socket is left unread, because its reader lags. */
function held() {
  const native = require('../lib/native');
  const { pause } = native;
  return new Promise((resolve) => {
    native.pause = (request, on) => {
      pause(request, on);
      if (on) {
        native.pause = pause;
        resolve();
      }
    };
  });
}

async function collect(iterable) {
  const all = [];
  for await (const each of iterable) {
    all.push(each);
  }
  return all;
}

module.exports = { collect, held, startMock };
