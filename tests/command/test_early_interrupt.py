"""An interrupt that comes while the command is still being imported."""

import subprocess
import sys

import pytest
from live import environment

CODE = """
import signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.{before})
sys.meta_path.insert(0, Interrupting())
sys.argv = ["microlith", "plan", "five"]
from microlith.command.start import main
main()
"""


def run(name, before):
    return subprocess.run(
        [sys.executable, "-c", CODE.format(name=name, before=before)],
        env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["click", "microlith.kinds", "microlith.plan.draw"])
def test_interrupt_during_the_imports_is_no_traceback(name):
    done = run(name, "default_int_handler")
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "")  # click ends the line of a ^C


def test_interrupt_that_was_ignored_stays_so():
    done = run("click", "SIG_IGN")
    assert done.returncode == 0 and "disk" in done.stdout
