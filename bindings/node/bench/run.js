'use strict';
// CPU of this package against openai-node, in turns, on one mock.
//
//     npm ci && npm run build && node bench/run.js BENCH_MOCK [--runs=5] [--modes=burst,paced] [--check]
//
// BENCH_MOCK is the command bench-mock of the crate libllm-bench. CPU is user + system time of the whole client process, the library's
// threads included; medians, and their ratio. The mock has a core of its own. Exits with 1 when an answer was wrong or, with --check,
// a bar was missed.

const { spawn, spawnSync } = require('node:child_process');
const { availableParallelism } = require('node:os');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const readline = require('node:readline');

const STREAMS = 100;
const TOKENS = 64;
// mode: the mock's schedule (first us / gap us / tokens / one write or many), requests of each worker, bar (of openai)
const modes = {
  unary: [`0/0/${TOKENS}/a`, 20, null],
  burst: [`0/0/${TOKENS}/a`, 20, 0.08],
  paced: [`100000/20000/${TOKENS}/w`, 2, 0.3],
};

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '5' },
      modes: { type: 'string', default: Object.keys(modes).join(',') },
      check: { type: 'boolean', default: false },
    },
  });
  const mock = await start(positionals[0]);
  const missed = [];
  try {
    for (const mode of values.modes.split(',')) {
      const [, , bar] = modes[mode];
      const ratio = await compare(mock, mode, Number(values.runs));
      if (bar !== null && ratio > bar) {
        missed.push(mode);
      }
    }
  } finally {
    mock.process.kill('SIGKILL');
  }
  if (missed.length > 0) {
    console.log(`missed: ${missed.join(', ')}`);
    process.exitCode = values.check ? 1 : 0;
  }
}

// Pinned to the last core, where there is more than one.
async function start(command) {
  const pin = availableParallelism() > 1 ? ['taskset', '-c', String(availableParallelism() - 1)] : [];
  const [program, ...args] = [...pin, command, '0'];
  const started = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of readline.createInterface({ input: started.stdout })) {
    return { process: started, port: line.trim().split(':').pop() };
  }
  throw new Error('the mock did not start');
}

async function compare(mock, mode, runs) {
  const [schedule, each, bar] = modes[mode];
  const base = `http://127.0.0.1:${mock.port}/c/${schedule}/v1`;
  const text = await (await fetch(`${base}/${mode === 'unary' ? 'unary-text' : 'text'}`)).text();
  const said = { libllm: [], openai: [] };
  for (let i = 0; i < runs; i++) {
    for (const name in said) {
      said[name].push(run([name, base, mode, STREAMS, each], text));
    }
  }
  const cost = (name) => median(said[name].map((line) => line.cpu_us));
  const ratio = cost('libllm') / cost('openai');
  const range = (name) => said[name].map((line) => line.cpu_us).sort((a, b) => a - b);
  for (const name in said) {
    const all = range(name);
    console.log(
      `${mode.padEnd(6)} ${name.padEnd(7)} ${cost(name).toFixed(0).padStart(6)} us a stream ` +
        `[${all[0].toFixed(0)}-${all.at(-1).toFixed(0)}], ${(cost(name) / TOKENS).toFixed(1)} a token; ` +
        `${median(said[name].map((line) => line.pieces)).toFixed(1)} pieces, ` +
        `${Math.max(...said[name].map((line) => line.threads))} threads`,
    );
  }
  console.log(`${mode.padEnd(6)} ratio   ${ratio.toFixed(4)}${bar === null ? '' : ` (bar ${bar})`}`);
  return ratio;
}

function run(args, text) {
  const done = spawnSync(process.execPath, [join(__dirname, 'client.js'), ...args.map(String)], {
    env: { ...process.env, BENCH_TEXT: text },
    encoding: 'utf8',
  });
  if (done.status !== 0) {
    throw new Error(`${args.join(' ')}: ${done.stderr.slice(-2000)}`);
  }
  const line = JSON.parse(done.stdout);
  if (line.wrong > 0) {
    throw new Error(`${args.join(' ')}: ${line.wrong} wrong answers`);
  }
  return line;
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

main();
