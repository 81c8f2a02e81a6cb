'use strict';
// The numbers of lib/abi.js are those of llm.h, and all of the library's options and errors can be reached.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { test } = require('node:test');
const abi = require('../lib/abi');
const libllm = require('..');

const header = readFileSync(join(process.env.LLM_INCLUDE ?? join(__dirname, '../../../include'), 'llm.h'), 'utf8');
const defined = new Map([...header.matchAll(/^(?:#define|)\s*LLM_(\w+)\s*=?\s*(-?\d+),?$/gm)].map(([, name, value]) => [name, Number(value)]));

test('every number is the header\'s', () => {
  for (const [name, value] of Object.entries(abi)) {
    const found = defined.get(name) ?? defined.get(`EVENT_${name}`);
    assert.equal(value, found, name);
  }
});

test('every event of the header has a number here', () => {
  const events = [...defined.keys()].filter((name) => name.startsWith('EVENT_')).map((name) => name.slice('EVENT_'.length));
  assert.ok(events.length > 10);
  assert.deepEqual(events.filter((name) => !(name in abi)), []);
});

test('every status of the header has its class', () => {
  const { fromStatus } = require('../lib/errors');
  const plain = new Set(['INTERNAL', 'NO_MEMORY', 'NOT_FOUND', 'WOULD_DEADLOCK']);
  for (const [name, value] of defined) {
    if (name.startsWith('ERR_')) {
      const error = fromStatus(value, 'x');
      assert.equal(error.llmStatus, `LLM_${name}`);
      assert.equal(error.constructor === libllm.InternalError, plain.has(name.slice('ERR_'.length)), name);
    }
  }
});

test('every key of options_json has an option', () => {
  const { optionKeys } = require('../lib/tables');
  const types = readFileSync(join(__dirname, '../index.d.ts'), 'utf8');
  const names = { base_url: 'baseURL', timeout_ms: 'timeout', first_token_timeout_ms: 'firstTokenTimeout', idle_timeout_ms: 'idleTimeout' };
  for (const key of optionKeys) {
    const name = names[key] ?? key.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
    assert.match(types, new RegExp(`^  ${name}\\?:`, 'm'), key);
  }
});

test('an event of a newer library is unknown, not an error', () => {
  const { Call } = require('../lib/call');
  const call = new Call(true, null, { ended() {} });
  call.arrive(99, 0, 0, '{}');
  return call.next().then(({ value }) => assert.deepEqual(value, { type: 'unknown', number: 99, data: '{}' }));
});

test('the library is the one inside', () => {
  assert.match(libllm.libraryVersion(), new RegExp(`^${libllm.version.replaceAll('.', '\\.')} `));
});
