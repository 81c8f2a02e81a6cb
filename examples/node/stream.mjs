// An answer as it comes, and where it came from.
//
//     node stream.mjs [PROVIDER/MODEL]

import { LLM, StreamInterruptedError } from 'libllm';

const llm = new LLM(); // keys and LLM_CONFIG from the environment
const request = {
  model: process.argv[2], // else default_model of the configuration
  messages: [{ role: 'user', content: 'Explain CAP in one breath.' }],
};
const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort()); // closes the stream upstream

try {
  for await (const event of llm.stream(request, { signal: interrupt.signal, firstTokenTimeout: 30_000 })) {
    switch (event.type) {
      case 'text':
        process.stdout.write(event.text);
        break;
      case 'reasoning':
        process.stderr.write(event.text);
        break;
      case 'rerouted':
        console.log(`[${event.reason}: ${event.from} -> ${event.to}]`);
        break;
      case 'done': {
        const { finish_reason, usage, provider, ttft_ms, total_ms } = event;
        const took = `first token after ${ttft_ms.toFixed()} ms, end after ${total_ms.toFixed()} ms`;
        console.log(`\n${finish_reason}: ${usage.completion_tokens} tokens by ${provider}, ${took}`);
      }
    }
  }
} catch (error) {
  if (!(error instanceof StreamInterruptedError)) throw error;
  console.error(`\ncut after ${error.partialText.length} characters: ${error.message}`);
  process.exitCode = 1;
}
