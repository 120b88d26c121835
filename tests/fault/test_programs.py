"""Programs that start with the machine are started again by the same policy on every architecture."""

import time
from itertools import pairwise

import pytest

from microlith import App, System, boot
from microlith.interface.devices import HostFile
from servers.clock import HostClock
from tests.process.until import until

APART = ("monolith", "mach", "mach25", "hybrid", "l4")


class Failing(App):
    """Ends at once, with a failure."""

    def main(self):
        return 1


class Patient(App):
    """Leaves a mark and stays."""

    marks: HostFile

    def main(self):
        import os
        import select

        os.write(self.marks.fd, b"x")
        select.select([], [], [])


@pytest.mark.parametrize("architecture", APART)
def test_app_that_fails_is_started_again_with_doubling_delay(architecture):
    system = System("failing").server("clock", HostClock).app("failing", Failing, restart={"policy": "permanent"})
    ends = []

    def hear(record):
        if record["event"] == "ended":
            ends.append(time.monotonic())

    with boot(system, architecture=architecture, news=hear):
        until(lambda: len(ends) == 4)
    gaps = [after - before for before, after in pairwise(ends)]
    assert gaps[1] >= 0.1
    assert gaps[2] >= 0.2


@pytest.mark.parametrize("architecture", APART)
def test_app_that_is_ended_by_the_stop_is_not_started_again(architecture, tmp_path):
    marks = tmp_path / "marks"
    marks.touch()
    system = System("patient").server("clock", HostClock).device("marks", "file", str(marks))
    system = system.app("patient", Patient, marks="marks", restart={"policy": "permanent"})
    with boot(system, architecture=architecture):
        until(lambda: marks.read_bytes() == b"x")
    assert marks.read_bytes() == b"x"
