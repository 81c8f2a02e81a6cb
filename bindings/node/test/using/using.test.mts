// `await using`, which older engines know only transpiled: a scope that is left closes its streams and its client.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClosedError, LLM, type Stream } from 'libllm';

test('a stream is closed with its scope', async () => {
  let kept: Stream;
  {
    await using llm = new LLM();
    {
      await using stream = llm.stream('mock/tokens=2;stall=60s;at=1', 'x');
      kept = stream;
      assert.deepEqual({ ...(await stream.next()).value }, { type: 'text', text: 'w0', choice: 0 });
    }
    assert.deepEqual(await kept.next(), { value: undefined, done: true });
    assert.equal((await llm.chat('mock/text=on', 'x')).text, 'on');
  }
});

test('a client is closed with its scope, also by an exception', async () => {
  let kept: LLM | undefined;
  await assert.rejects(async () => {
    await using llm = new LLM();
    kept = llm;
    throw new RangeError('out');
  }, RangeError);
  await assert.rejects(async () => kept?.chat('mock/echo', 'x'), ClosedError);
});

test('branches and text streams are disposable too', async () => {
  const llm = new LLM();
  const [left, right] = llm.stream('mock/tokens=2;stall=60s;at=1', 'x').tee();
  {
    await using branch = left;
    assert.equal((await branch.next()).done, false);
  }
  await right[Symbol.asyncDispose]();
  assert.equal((await right.next()).done, true);
});
