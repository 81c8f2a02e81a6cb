"""The guests in Python, by ctypes: one process that uses the library while something is done to it.   guest.py CASE ARGUMENT..

Ends with 0 (cases that end in the middle: 7); an exception says what went wrong."""
import _ctypes
import atexit
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time

import llm_ctypes as llm

LIVE = ("m/tokens=100000;pace=1ms", "t/tokens=100000;pace=1ms", "h/tokens=100000;pace=1ms", "mock/tokens=100000")


def exits(way, seed):
    host = llm.Host()
    for i in range(12):
        host.submit(LIVE[i % 4])
    after = random.Random(int(seed)).random() / 50

    def poll_for_ever():
        while host.llm.llm_queue_poll(host.queue, host.events, 64, -1) >= 0:
            pass

    def in_event(event):
        if event.type == llm.TEXT:
            os._exit(7)
        return True

    def later():
        time.sleep(after)
        os._exit(7)

    if way == "daemon thread":
        threading.Thread(target=poll_for_ever, daemon=True).start()
    elif way == "atexit free":
        atexit.register(host.free)
    elif way == "atexit shutdown":
        atexit.register(lambda: (host.free(), host.llm.llm_shutdown(5000)))
    elif way == "event _exit":
        llm.stream(host, "m/tokens=1000;pace=1ms", in_event)
    elif way == "thread _exit":
        threading.Thread(target=later).start()
        poll_for_ever()
    elif way == "wake removed":  # CPython ends a foreign thread that comes to it too late, and with it the process: see docs/host-safety.md
        wake, none = llm.WAKE_FN(lambda _: None), llm.WAKE_FN()
        host.llm.llm_queue_set_wake(host.queue, wake, None)
        atexit.register(lambda: host.llm.llm_queue_set_wake(host.queue, none, wake and None))
        host.poll(5)
    time.sleep(after)
    if way == "_exit":
        os._exit(7)
    sys.exit(7)


def forks(rounds):
    host = llm.Host()
    for i in range(8):
        host.submit(LIVE[i % 3].replace("100000", "1500"))
    host.until(lambda answer: answer[0])
    for i in range(int(rounds)):
        child = os.fork()
        if child == 0:
            try:
                signal.alarm(30)
                assert host.llm.llm_queue_poll(host.queue, host.events, 64, -1) == llm.FORKED
                own = llm.Host(host.llm)
                own.submit("m/tokens=20;pace=1ms")
                own.submit("t/tokens=20")
                own.submit("h/tokens=20")
                own.finish(20)
                own.submit(LIVE[0])
                if i % 2:
                    sys.exit(0)  # finalises the interpreter, with a live stream
                os._exit(0)
            except Exception as error:
                print("child:", repr(error), file=sys.stderr, flush=True)
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0, i
    host.finish(1500)
    host.free()
    print(f"{rounds} children")


def pipes(rounds):
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it; other hosts do not
    host, failed = llm.Host(), 0
    for _ in range(int(rounds)):
        for model in ("c/tokens=50", "k/tokens=50"):
            host.submit(model, {"max_attempts": 1}, "x" * (4 << 20))
            statuses = host.finish()
            assert statuses[0] in (llm.CONNECT, llm.TRUNCATED), statuses
            failed += 1
    host.free()
    print(f"{failed} requests cut while they were written")


def loads(times):
    """Lets go of the library with its threads and streams live, and loads it again."""
    for i in range(int(times)):
        host = llm.Host()
        for j in range(4):
            host.submit(LIVE[j % 3].replace("100000", "100"))
        host.poll(i % 20)
        if i % 3:
            host.free()
        if i % 3 == 1:
            host.llm.llm_shutdown(0)
        _ctypes.dlclose(host.llm._handle)
    print(f"{times} times loaded and let go")


def signals(length):
    counts = {signal.SIGALRM: 0, signal.SIGUSR1: 0}

    def handler(number, _):
        counts[number] += 1

    for number in counts:
        signal.signal(number, handler)
        signal.siginterrupt(number, True)
    host, start, over = llm.Host(), time.monotonic(), threading.Event()

    def pester():
        signal.pthread_sigmask(signal.SIG_BLOCK, counts)
        while not over.is_set():
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.00005)

    threading.Thread(target=pester, daemon=True).start()
    signal.setitimer(signal.ITIMER_REAL, 0.00005, 0.00005)
    while time.monotonic() - start < float(length):
        for i in range(8):
            host.submit(LIVE[i % 3].replace("100000", "100"))
        got = []
        assert llm.stream(host, "t/tokens=100;pace=1ms", lambda event: got.append(event.text() if event.type == llm.TEXT else "") or True) == 0
        assert "".join(got) == llm.words(100)
        host.finish(100)
    signal.setitimer(signal.ITIMER_REAL, 0)
    over.set()
    host.free()
    assert min(counts.values()) > 0
    print(f"{sum(counts.values())} handlers of Python ran")


def files(rounds):
    """Two hundred requests at once where 64 descriptors are all there is."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    failed = 0
    for _ in range(int(rounds)):
        host = llm.Host()
        for i in range(200):
            host.submit("mth"[i % 3] + "/tokens=20;ttft=100ms", {"max_attempts": 1})
        statuses = host.finish()
        assert set(statuses) <= {llm.OK, llm.CONNECT}, set(statuses)
        failed += sum(map(bool, statuses))
        host.submit("t/tokens=20")
        host.finish(20)
        host.free()
        assert host.llm.llm_shutdown(5000) == llm.OK
    assert failed
    print(f"{failed} of {int(rounds) * 200} requests refused, none lost")


def killed(times):
    host = llm.Host()
    for _ in range(int(times)):
        server = subprocess.Popen([os.environ["LLM_BIN"], "mock"], stdout=subprocess.PIPE, text=True)
        base = server.stdout.readline().split()[-1] + "/v1"
        for i in range(4):
            host.submit("m/tokens=100000;pace=1ms", {"base_url": base, "max_attempts": 1})
        host.until(lambda answer: answer[0])
        server.kill()
        server.wait()
        server.stdout.close()
        statuses = host.finish()
        assert set(statuses) == {llm.TRUNCATED}, statuses
    host.free()
    print(f"{times} servers killed under {int(times) * 4} streams")


def streams(length, clock=None):
    """Whole answers only, while the process is stopped and continued, or its wall clock set."""
    offsets, seed, steps = ("+0", "+1h", "-1h", "+3d", "-400d", "+20y", "-5s", "+90s"), random.Random(1), 0
    host, until, answers = llm.Host(), time.monotonic() + float(length), 0
    print("up", flush=True)
    while time.monotonic() < until:
        for i in range(12):
            host.submit(LIVE[i % 3].replace("100000", "200"), {"first_token_timeout_ms": 8000, "idle_timeout_ms": 5000})
        while clock and not all(answer[1] for answer in host.answers.values()):
            before = time.time()
            with open(clock + ".new", "w") as out:
                print(seed.choice(offsets), file=out)
            os.rename(clock + ".new", clock)
            steps += abs(time.time() - before) > 1
            host.poll(20)
        answers += len(host.finish(200))
    assert steps or not clock
    host.free()
    print(f"{answers} answers" + (f", {steps} steps of the clock" if clock else ""))


if __name__ == "__main__":
    cases = {f.__name__: f for f in (exits, forks, pipes, loads, signals, files, killed, streams)}
    cases[sys.argv[1]](*sys.argv[2:])
