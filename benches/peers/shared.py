"""What the programs in Python share: the numbers they draw, the timing and the arguments."""

import argparse
import json
import math
import time

import numpy as np

NAMES = ["W1", "W2", "W3", "W4", "W5", "W5n", "W6"]
# Small enough that rounding does not grow within 100 steps into what the losses show.
RATES = {"W1": 1e-4, "W2": 0.01, "W3": 1e-4, "W4": 1e-3, "W5": 0.1, "W5n": 0.1, "W6": 1e-3}
BATCHES = 8
INPUTS, TARGETS, NOISE = 1000, 2000, 3000
CLASSES = 50_000
NOISE_PER_ITEM = 64
TIME, FEATURES = 64, 32


def best(work, seconds):
    """Milliseconds of the fastest of many runs, after one that does not count."""
    work()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return 1e3 * min(times)


def bits(sequence, count):
    """The first `count` 64-bit numbers of a sequence: see benches/src/fill.rs."""
    with np.errstate(over="ignore"):
        z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z += np.uint64(sequence) * np.uint64(0xD1B54A32D192ED03)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(sequence, shape, bound, dtype=np.float32):
    """Numbers between -bound and bound, in row-major order."""
    unit = (bits(sequence, math.prod(shape)) >> np.uint64(40)).astype(np.float64) / 2**24
    return ((2 * unit - 1) * bound).reshape(shape).astype(dtype)


def indices(sequence, count, classes):
    """`count` indices below `classes`."""
    top = bits(sequence, count) >> np.uint64(32)
    return ((top * np.uint64(classes)) >> np.uint64(32)).astype(np.int64)


def weight(sequence, shape, dtype=np.float32):
    """Parameter number `sequence`, of rank 2 or more."""
    return uniform(sequence, shape, math.sqrt(3 / math.prod(shape[1:])), dtype)


def inputs(shape, dtype=np.float32):
    """Every batch's inputs, of variance 1."""
    return [uniform(INPUTS + batch, shape, math.sqrt(3), dtype) for batch in range(BATCHES)]


def classes(items, number):
    """Every batch's classes."""
    return [indices(TARGETS + batch, items, number) for batch in range(BATCHES)]


def rows(items):
    """Every batch's classes and, behind each, its noise classes."""
    noise = [indices(NOISE + batch, items * NOISE_PER_ITEM, CLASSES) for batch in range(BATCHES)]
    pairs = zip(classes(items, CLASSES), noise)
    return [np.concatenate([own[:, None], noise.reshape(items, -1)], 1) for own, noise in pairs]


def arguments(description, modes):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--workload", default="all", choices=[*NAMES, "all"])
    parser.add_argument("--mode", default=modes[0], choices=modes)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--before", type=int, default=100)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--width", type=int)
    parser.add_argument("--depth", type=int)
    found = parser.parse_args()
    found.names = NAMES if found.workload == "all" else [found.workload]
    return found


def peak_megabytes():
    """The most memory that this process has held so far."""
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return None


def measure(program, workload, given, step, base, ready=lambda loss: None):
    """Times `step(batch) -> loss`, of which float() is the loss before the update; prints a line of JSON.

    `ready` waits until everything that led to a loss is done, for frameworks that run ahead.
    """
    number = 0

    def run(steps):
        nonlocal number
        for _ in range(steps):
            loss = step(number % BATCHES)
            number += 1
        ready(loss)
        return loss

    if given.before:
        run(given.before)
    loss_after = float(run(1))
    # Compiling is over now, so that the speed is measured anew.
    steps = 1
    while True:
        begin = time.perf_counter()
        run(steps)
        taken = time.perf_counter() - begin
        if taken > given.seconds / 3:
            break
        steps *= 2
    steps = max(1, round(given.seconds / taken * steps))
    times = []
    for _ in range(given.repeats):
        begin = time.perf_counter()
        run(steps)
        times.append(1e3 * (time.perf_counter() - begin) / steps)
    times.sort()
    line = {
        "program": program,
        "workload": workload,
        "threads": given.threads,
        "dtype": "f32",
        "median_ms": times[len(times) // 2],
        "min_ms": times[0],
        "steps_per_repeat": steps,
        "loss_after": loss_after,
        "base_mb": base,
        "peak_mb": peak_megabytes(),
    }
    print(json.dumps(line), flush=True)
