"""A round trip over two pipes, the host's own hand-over between processes: the yardstick of a machine.

On one core it is the price of blocking; spread over two it includes waking the other core, which on
virtual machines costs the most.
"""

import mmap
import os
import statistics
import subprocess
import sys
import time

ROUNDS, WARM_UP = 2000, 200
LONGEST_S = 0.5  # a slow machine measures fewer rounds
MESSAGE = b"x" * 64

_ECHO = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
while data := os.read(0, 64):
    os.write(1, data)
"""


def same_core() -> float | None:
    """Microseconds at the median with both processes on one core."""
    cores = sorted(os.sched_getaffinity(0))
    return _measure(cores[0], cores[0])


def spread() -> float | None:
    """Microseconds at the median with the processes on two cores; None if there is only one."""
    cores = sorted(os.sched_getaffinity(0))
    return _measure(cores[0], cores[1]) if len(cores) > 1 else None


def spinning() -> float | None:
    """Microseconds at the median through shared memory, both looking all the time; None with one core only."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return None
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    words = memoryview(memory).cast("Q")
    echo = os.fork()
    if not echo:
        os.sched_setaffinity(0, {cores[1]})
        limit = time.monotonic() + 2 * LONGEST_S
        while not words[16] and time.monotonic() < limit:
            for _ in range(1000):
                words[8] = words[0]
        os._exit(0)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cores[0]})
    try:
        return _spin(words)
    finally:
        words[16] = 1
        os.sched_setaffinity(0, before)
        os.waitpid(echo, 0)


def _spin(words: memoryview) -> float | None:
    times = []
    end = time.monotonic_ns() + int(LONGEST_S * 1e9)
    for number in range(1, WARM_UP + ROUNDS):
        start = time.perf_counter_ns()
        words[0] = number
        while words[8] != number:
            if time.monotonic_ns() > end:
                return None
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times[WARM_UP:]) / 1000


def _measure(own: int, other: int) -> float | None:
    before = os.sched_getaffinity(0)
    command = [sys.executable, "-I", "-S", "-c", _ECHO, str(other)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as echo:
        assert echo.stdin is not None
        assert echo.stdout is not None
        try:
            os.sched_setaffinity(0, {own})
            return _rounds(echo.stdin.fileno(), echo.stdout.fileno())
        except OSError:
            return None
        finally:
            os.sched_setaffinity(0, before)


def _rounds(to: int, back: int) -> float:
    times: list[int] = []
    end = time.monotonic() + LONGEST_S
    for number in range(WARM_UP + ROUNDS):
        start = time.perf_counter_ns()
        os.write(to, MESSAGE)
        if not os.read(back, 64):
            raise BrokenPipeError
        took = time.perf_counter_ns() - start
        if number >= WARM_UP:
            times.append(took)
        if times and time.monotonic() > end:
            break
    return statistics.median(times) / 1000
