// Keep your SDK: the official openai package, and libllm's routing, retries and fallbacks below it.
//
//     node openai.mjs [PROVIDER/MODEL]      whichever dialect the provider speaks

import OpenAI from 'openai';
import { LLM } from 'libllm';

const llm = new LLM(); // keys and LLM_CONFIG from the environment
const openai = new OpenAI({ fetch: llm.fetch, apiKey: 'unused', maxRetries: 0 });
const model = process.argv[2]; // else default_model of the configuration
const messages = [{ role: 'user', content: 'Explain CAP in one breath.' }];

const began = performance.now();
let first;
for await (const chunk of await openai.chat.completions.create({ model, messages, stream: true })) {
  first ??= performance.now() - began;
  process.stdout.write(chunk.choices[0]?.delta.content ?? '');
}
console.log(`\nfirst token after ${first.toFixed()} ms`);
