"""Random faults for a long time, and whether the process that lives through them grows.

The guest (soak.c) makes random requests and rests now and then; at rest it tells its resident memory, descriptors and threads. Meanwhile
servers are killed and come back at their address, connections are cut anywhere, and the guest gets signals and is stopped."""
import random
import select
import signal
import subprocess
import threading
import time

import servers
from world import Case, ended, say

# Memory settles while buffers, pools and the allocator's arenas reach their size: the first third does not count.
WARM_UP = 1 / 3
SLOPE_MAX = 1.0  # MiB an hour
# What a page here and there makes of a short run's slope: less growth than this is not seen.
GRAIN_KIB = 256


def run(world, minutes):
    case = Case(f"soak, {minutes:g} minutes of random faults", "C", [])
    world.cut(servers.anywhere)
    child = subprocess.Popen(world.command("C", "soak", minutes * 60, 7), env=world.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, start_new_session=True)
    over, faults = threading.Event(), {"servers killed": 0, "stops": 0, "signals": 0}
    threading.Thread(target=trouble, args=(world, child, over, faults), daemon=True).start()
    samples, last = [], ""
    while True:
        # Two minutes without a cycle's end is a hang.
        if not select.select([child.stdout], [], [], 120)[0]:
            case.abnormal.append("no sample in two minutes")
            child.kill()
        line = child.stdout.readline()
        if not line:
            break
        say(f"# {line.strip()}")
        if line.startswith("sample"):
            samples.append([float(field) for field in line.split()[1:]])
        last = line.strip()
    over.set()
    code, err = child.wait(), child.stderr.read()
    case.processes = 1
    if code or err:
        case.abnormal.append(f"{ended(code)}: {err[-400:]}")
    judge(case, samples, last, faults)
    for line in case.abnormal:
        say(f"# {line}")
    say(f"{'not ok' if case.abnormal else 'ok'} {case.title}")
    say(f"# {case.seen}")
    return case


def trouble(world, child, over, faults):
    chance, next_kill, next_stop = random.Random(3), 10.0, 5.0
    start = time.monotonic()
    while not over.wait(0.02) and child.poll() is None:
        now = time.monotonic() - start
        child.send_signal(signal.SIGUSR1)
        faults["signals"] += 1
        if now > next_kill:
            world.mock.kill()
            over.wait(chance.uniform(0, 0.5))
            world.mock.start()
            faults["servers killed"] += 1
            next_kill = now + chance.uniform(5, 25)
        if now > next_stop:
            child.send_signal(signal.SIGSTOP)
            over.wait(chance.uniform(0.05, 0.6))
            child.send_signal(signal.SIGCONT)
            faults["stops"] += 1
            next_stop = now + chance.uniform(5, 25)


def judge(case, samples, last, faults):
    settled = [sample for sample in samples if sample[0] >= samples[-1][0] * WARM_UP] if samples else []
    if len(settled) < 3:
        case.abnormal.append("fewer than three samples after warm-up")
        return
    times, resident, descriptors, threads, requests = zip(*settled)
    slope = least_squares(times, resident)
    span = times[-1] - times[0]
    per_hour, growth = slope * 3600 / 1024, slope * span
    case.seen = (f"RSS slope {per_hour:+.2f} MiB/h over {span / 60:.1f} min ({resident[0] / 1024:.1f} to {resident[-1] / 1024:.1f} MiB), "
                 f"descriptors {descriptors[0]:.0f} to {descriptors[-1]:.0f}, threads {threads[0]:.0f} to {threads[-1]:.0f}; {last}; "
                 + ", ".join(f"{count} {what}" for what, count in faults.items()))
    if per_hour > SLOPE_MAX and growth > GRAIN_KIB:
        case.abnormal.append(f"resident memory grows by {per_hour:.2f} MiB/h")
    # At rest there is the same number of either, always.
    for what, counts in (("descriptors", descriptors), ("threads", threads)):
        if max(counts[len(counts) // 2:]) > max(counts[: len(counts) // 2]):
            case.abnormal.append(f"{what} grow: {', '.join(f'{count:.0f}' for count in counts)}")


def least_squares(x, y):
    middle_x, middle_y = sum(x) / len(x), sum(y) / len(y)
    return sum((a - middle_x) * (b - middle_y) for a, b in zip(x, y)) / sum((a - middle_x) ** 2 for a in x)
