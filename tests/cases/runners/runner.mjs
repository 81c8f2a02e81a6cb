// Runs shared cases with the Node package as ESM; what it does with it is in runner.js.
import { pathToFileURL } from 'node:url';

import runner from './runner.js';

const libllm = await import(pathToFileURL(`${process.env.LIBLLM_PACKAGE}/index.mjs`));
await runner.main((line) => runner.one(libllm, line));
