'use strict';
// Hooks: the user's functions answer what the configuration has the library ask (docs/hooks.md).

const assert = require('node:assert/strict');
const { test, before } = require('node:test');
const { startMock } = require('./mock');
const { LLM, ContentFilterError, LLMError } = require('..');

let mock;
before(async () => {
  mock = await startMock();
});

const otherWords = ({ request }) => ({ request: { ...request, messages: [{ role: 'user', content: 'other words' }] } });

test('hooks see each moment, in order', async () => {
  const seen = [];
  const see = (question) => {
    seen.push([question.kind, question.target]);
  };
  const llm = new LLM({ config: { hooks: { before: true, attempt: true, after: true } }, hooks: { before: see, attempt: see, after: see } });
  assert.equal((await llm.chat('mock/echo', 'some words')).text, 'some words');
  assert.deepEqual(seen, ['before', 'attempt', 'after'].map((kind) => [kind, 'mock/echo']));
  llm.close();
});

test('a hook replaces the request, at once or later', async () => {
  const later = async (question) => {
    await new Promise((resolve) => setImmediate(resolve));
    return otherWords(question);
  };
  for (const hook of [otherWords, later]) {
    const llm = new LLM({ config: { hooks: { before: true } }, hooks: { before: hook } });
    assert.equal((await llm.chat('mock/echo', 'some words')).text, 'other words');
    assert.equal((await llm.stream('mock/echo', 'some words').final()).text, 'other words');
    llm.close();
  }
});

test('a hook gives the key of a provider', async () => {
  const config = mock.config();
  config.providers.chat.api_key = 'ask';
  delete config.providers.chat.auth;
  const asked = [];
  const llm = new LLM({ config, hooks: { async token({ provider }) { asked.push(provider); return { api_key: 'k' }; } } });
  assert.equal((await llm.chat('chat/text=ok', 'x')).text, 'ok');
  assert.deepEqual(asked, ['chat']);
  llm.close();
});

test('what a hook throws ends the request with its words', async () => {
  const refused = [
    [{ before: () => { throw new Error('not in this house'); } }, 'LLM_ERR_CANCELED', /not in this house/],
    [{ before: async () => { throw new ContentFilterError('no', { status: 'LLM_ERR_CONTENT_FILTER' }); } }, 'LLM_ERR_CONTENT_FILTER', /no/],
    [{ before: () => ({ headers: {} }) }, 'LLM_ERR_INVALID_ARGUMENT', /does not fit/],
    [{}, 'LLM_ERR_UNSUPPORTED', /has no hook "before"/],
  ];
  for (const [hooks, status, words] of refused) {
    const llm = new LLM({ config: { hooks: { before: true } }, hooks });
    await assert.rejects(llm.chat('mock/echo', 'x'), (error) => {
      assert.ok(error instanceof LLMError);
      assert.deepEqual([error.llmStatus, error.param], [status, 'hooks.before']);
      return words.test(error.message);
    });
    llm.close();
  }
  assert.throws(() => new LLM({ hooks: { befor() {} } }), /expected some of/);
});

test('a request that comes by fetch is asked about, too', async () => {
  const llm = new LLM({ config: { hooks: { before: true } }, hooks: { before: otherWords } });
  const body = JSON.stringify({ model: 'mock/echo', messages: [{ role: 'user', content: 'some words' }] });
  const answer = await (await llm.fetch('https://api.openai.com/v1/chat/completions', { method: 'POST', body })).json();
  assert.equal(answer.choices[0].message.content, 'other words');
  llm.close();
});

test('an abort ends a request that waits for its hook', async () => {
  const stop = new AbortController();
  const llm = new LLM({ config: { hooks: { before: true } }, hooks: { before: () => { stop.abort(); return new Promise(() => {}); } } });
  await assert.rejects(llm.chat('mock/echo', 'x', { signal: stop.signal }), { llmStatus: 'LLM_ERR_CANCELED' });
  llm.close();
});
