// The same names by `import` as by `require`, and everything that index.d.ts declares is there at run time (test/esm.test.mjs).
import * as esm from '../../index.mjs';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import cjs = require('../../index.js');

const same: typeof cjs = esm;
const back: typeof esm = cjs;
const llm: cjs.LLM = new esm.LLM();
// The SDKs take it as it is.
const sdks = [new OpenAI({ fetch: llm.fetch }), new Anthropic({ fetch: llm.fetch })];
export const all = [same, back, llm, ...sdks];
