'use strict';
// One client under load, in a process of its own: prints one line of JSON.
//
// node client.js libllm|openai BASE_URL unary|burst|paced STREAMS EACH

const { readdirSync } = require('node:fs');

const REQUEST = {
  model: 'bench-model',
  messages: [
    { role: 'system', content: 'You are a careful assistant. Answer in one short paragraph.' },
    { role: 'user', content: 'Why does a stream of tokens cost more than one answer?' },
  ],
  max_tokens: 256,
  temperature: 0.5,
};

// Each gives a function that asks once and returns the text and the number of pieces it came in.
const clients = {
  // Ours, reading events.
  libllm(base, mode) {
    const { LLM } = require('..');
    const llm = new LLM({ config: { providers: { bench: { wire: 'openai_chat', base_url: base, auth: 'none' } } } });
    const request = { ...REQUEST, model: 'bench/bench-model' };
    if (mode === 'unary') {
      return async () => [(await llm.chat(request)).text, 1];
    }
    return async () => {
      let text = '';
      let pieces = 0;
      for await (const event of llm.stream(request)) {
        if (event.type === 'text') {
          text += event.text;
          pieces++;
        }
      }
      return [text, pieces];
    };
  },

  // The official SDK, as its README uses it.
  openai(base, mode) {
    const OpenAI = require('openai');
    const client = new OpenAI({ baseURL: base, apiKey: 'none', maxRetries: 0 });
    if (mode === 'unary') {
      return async () => [(await client.chat.completions.create(REQUEST)).choices[0].message.content, 1];
    }
    return async () => {
      let text = '';
      let pieces = 0;
      for await (const chunk of await client.chat.completions.create({ ...REQUEST, stream: true })) {
        const delta = chunk.choices[0]?.delta.content;
        if (delta) {
          text += delta;
          pieces++;
        }
      }
      return [text, pieces];
    };
  },
};

async function main([name, base, mode, streams, each]) {
  const ask = clients[name](base, mode);
  let wrong = 0;
  let pieces = 0;
  const worker = async (times) => {
    for (let i = 0; i < times; i++) {
      const [text, count] = await ask();
      wrong += text !== process.env.BENCH_TEXT;
      pieces += count;
    }
  };
  const load = (times) => Promise.all(Array.from({ length: streams }, () => worker(times)));

  await load(1);
  wrong = pieces = 0;
  // Of the whole process: the library's threads included.
  const before = process.cpuUsage();
  const began = performance.now();
  await load(Number(each));
  const { user, system } = process.cpuUsage(before);
  console.log(
    JSON.stringify({
      cpu_us: (user + system) / (streams * each),
      wall_ms: performance.now() - began,
      pieces: pieces / (streams * each),
      threads: readdirSync('/proc/self/task').length,
      wrong,
    }),
  );
}

main(process.argv.slice(2));
