// `import` and `require` give one module: the same classes, and every name that the types declare.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import * as esm from 'libllm';

const require = createRequire(import.meta.url);
const cjs = require('libllm');

test('both entry points have the same names', () => {
  assert.deepEqual(Object.keys(esm).sort(), Object.keys(cjs).sort());
  for (const name of Object.keys(cjs)) {
    assert.equal(esm[name], cjs[name], name);
  }
});

test('what the types declare is there, and nothing else', () => {
  const types = readFileSync(new URL('../index.d.ts', import.meta.url), 'utf8');
  const declared = [...types.matchAll(/^export (?:class|function|const) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(declared.sort(), Object.keys(cjs).sort());
});

test('an error of one is an error of the other', async () => {
  const llm = new esm.LLM();
  await assert.rejects(llm.chat('mock/status=429', 'x', { maxRetries: 0 }), (error) => error instanceof cjs.RateLimitError);
  let text = '';
  for await (const piece of llm.stream('mock/tokens=3;pace=1ms', 'x').textStream) {
    text += piece;
  }
  assert.equal(text, 'w0 w1 w2');
});
