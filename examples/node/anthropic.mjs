// Keep your SDK: the official @anthropic-ai/sdk, and libllm's routing, retries and fallbacks below it.
//
//     node anthropic.mjs [PROVIDER/MODEL]   whichever dialect the provider speaks

import Anthropic from '@anthropic-ai/sdk';
import { LLM } from 'libllm';

const llm = new LLM(); // keys and LLM_CONFIG from the environment
const anthropic = new Anthropic({ fetch: llm.fetch, apiKey: 'unused', maxRetries: 0 });
const model = process.argv[2]; // else default_model of the configuration
const messages = [{ role: 'user', content: 'Explain CAP in one breath.' }];

const began = performance.now();
let first;
const stream = anthropic.messages.stream({ model, messages, max_tokens: 1024 });
stream.on('text', (text) => {
  first ??= performance.now() - began;
  process.stdout.write(text);
});
const { usage } = await stream.finalMessage();
console.log(`\n${usage.output_tokens} tokens, first token after ${first.toFixed()} ms`);
