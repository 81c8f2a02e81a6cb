// A web server that hands on an answer as it comes. A reader that goes away closes the stream upstream.
//
//     node serve.mjs [PROVIDER/MODEL]      asks itself once, prints what came, and ends

import { once } from 'node:events';
import { createServer } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { LLM } from 'libllm';

const llm = new LLM(); // keys and LLM_CONFIG from the environment
const model = process.argv[2]; // else default_model of the configuration

const server = createServer(async (request, response) => {
  const messages = [{ role: 'user', content: decodeURIComponent(request.url.slice(1)) }];
  response.setHeader('content-type', 'text/event-stream');
  await pipeline(llm.stream({ model, messages }).toReadableStream(), response).catch(() => response.destroy());
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');

const answer = await fetch(`http://127.0.0.1:${server.address().port}/one fact about Oslo`);
let text = '';
for (const frame of (await answer.text()).trimEnd().split('\n\n')) {
  const event = JSON.parse(frame.slice(frame.indexOf('data: ') + 'data: '.length));
  if (event.type === 'text') text += event.text;
  if (event.type === 'rerouted') console.log(`[${event.reason}: ${event.from} -> ${event.to}]`);
  if (event.type === 'error') throw new Error(event.error.message);
  if (event.type === 'done') console.log(`${text}\nfirst token after ${event.timing.ttft_ms.toFixed()} ms by ${event.provider}`);
}
server.close();
