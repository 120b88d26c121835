"""What a booted machine with nothing to do takes of the processor."""

import tempfile
import time
from pathlib import Path

from bench.placement import Placement, pids_of
from bench.subject import prepare


def at_rest(architecture: str, seconds: float) -> float:
    """Percent of one core that all processes of an idle machine take together."""
    with tempfile.TemporaryDirectory(prefix="microlith-rest-") as folder:
        subject = prepare(None, Path(folder), 0, 0)
        with subject.booted(architecture, Placement()) as machine:
            pids = pids_of(machine.state())
            time.sleep(seconds / 4)  # what booting left to do
            before, began = sum(map(_ran_ns, pids)), time.perf_counter_ns()
            time.sleep(seconds)
            return 100 * (sum(map(_ran_ns, pids)) - before) / (time.perf_counter_ns() - began)


def _ran_ns(pid: int) -> int:
    """Nanoseconds on a processor so far, of all threads (proc(5): schedstat, exact where stat counts ticks)."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads)
