"""Runs every test in a process of its own: threads, environment and the process's limits are the library's for its whole life.

The tests' modules are imported before, the library is not: each process loads it for itself. Arguments choose tests by a part of
their names."""

import importlib
import os
import pathlib
import select
import shutil
import signal
import sys
import time
import traceback

import suite

# A test waits for the library's own short limits; whoever needs so long has missed one.
TEST_SECONDS = 30
# Most of a test is waiting.
AT_ONCE = 6
# Servers are where only administrators look.
PATH = os.environ["PATH"] + ":/usr/sbin"
KEPT = ("PATH", "HOME", "TMPDIR", "LLM_ROOT", "LLM_LIB_DIR", "LLM_INCLUDE", "LLM_BIN", "LLM_WORK")


class Running:
    def __init__(self, test):
        self.test, self.output, self.until = test, b"", time.monotonic() + TEST_SECONDS
        self.pipe, end = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.pipe)
            child(test, end)
        os.close(end)

    def step(self):
        """What it said so far; whether that was all."""
        said = os.read(self.pipe, 65536)
        self.output += said
        return not said

    def end(self):
        late = time.monotonic() >= self.until
        if late:
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.pipe)
        _, status = os.waitpid(self.pid, 0)
        if status == 0:
            print(f"ok {self.test.name}", flush=True)
            return True
        why = f"not over after {TEST_SECONDS} s" if late else f"exit status {status}"
        print(f"not ok {self.test.name}\n# {why}", flush=True)
        for line in self.output.decode(errors="replace").splitlines():
            print(f"# {line}", flush=True)
        return False


def child(test, end):
    code = 1
    try:
        os.dup2(end, 1)
        os.dup2(end, 2)
        test.run()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # The library's threads end with their process, as in a host that exits with live streams.
        os._exit(code)


def run_all(tests):
    waiting, running, good = list(tests), [], True
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            running.append(Running(waiting.pop(0)))
        left = max(0, min(test.until for test in running) - time.monotonic())
        ready, _, _ = select.select([test.pipe for test in running], [], [], left)
        now = time.monotonic()
        over = [test for test in running if test.pipe in ready and test.step() or now >= test.until]
        for test in over:
            running.remove(test)
            good &= test.end()
    return good


def main():
    kept = {name: value for name, value in os.environ.items() if name in KEPT}
    os.environ.clear()
    os.environ.update(kept)
    for module in sorted(pathlib.Path(__file__).parent.glob("test_*.py")):
        importlib.import_module(module.stem)
    chosen = [test for test in suite.TESTS if not sys.argv[1:] or any(part in test.name for part in sys.argv[1:])]
    missing = {test.needs for test in chosen if test.needs and not shutil.which(test.needs, path=PATH)}
    for command in sorted(missing):
        print(f"skipped: {command} not found", flush=True)
    chosen = [test for test in chosen if test.needs not in missing]
    mocks = suite.servers(os.environ["LLM_WORK"])
    try:
        good = run_all(chosen)
    finally:
        for mock in mocks:
            mock.kill()
            mock.wait()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
