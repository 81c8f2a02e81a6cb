// One question, one answer, and what went wrong if there is none.
//
//     node chat.mjs [PROVIDER/MODEL]

import { LLM, LLMError, RateLimitError } from 'libllm';

const llm = new LLM({ timeout: 60_000 }); // keys and LLM_CONFIG from the environment
const request = {
  model: process.argv[2], // else default_model of the configuration
  messages: [{ role: 'user', content: 'Name three oceans.' }],
};

try {
  const answer = await llm.chat(request);
  console.log(answer.text);
  const tried = answer.attempts.map(({ provider, status }) => `${provider} ${status ?? 'ok'}`).join(' -> ');
  console.log(`${answer.usage.total_tokens} tokens, first token after ${answer.ttft_ms.toFixed()} ms, ${tried}`);
} catch (error) {
  if (!(error instanceof LLMError)) throw error;
  for (const { provider, model, message } of error.attempts) {
    console.error(`  ${provider}/${model}: ${message}`);
  }
  const again = error instanceof RateLimitError ? `; again in ${error.retryAfter} s` : '';
  console.error(`${error.name}: ${error.message}${again}`);
  process.exitCode = 1;
}
