"""The fixtures of the attacks: one machine a module, attacked by its tests one after the other."""

import shutil
import tempfile
from pathlib import Path

import pytest
from arena import Arena, until

REASONABLE_S = 3.0  # for a round of a bystander, on a busy machine


def _arena(architecture, **options):
    folder = Path(tempfile.mkdtemp(prefix="ml-", dir="/tmp"))
    folder.chmod(0o711)
    made = Arena(folder, architecture, **options)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def machine_under_attack():
    yield from _arena("mach")


@pytest.fixture(scope="module")
def monolith_under_attack():
    yield from _arena("monolith")


@pytest.fixture(scope="module", params=["monolith", "l4"])
def channels_under_attack(request):
    """A machine whose clients call through channels."""
    yield from _arena(request.param, client=Arena.LIBRARY)


@pytest.fixture
def arena(machine_under_attack):
    """The machine that all tests of a module attack, one after the other; each must leave it as it was."""
    before = machine_under_attack.servers()
    machine_under_attack.someone()
    yield machine_under_attack
    machine_under_attack.check()
    assert machine_under_attack.servers() == before, "a server died of it"


@pytest.fixture
def trap(monolith_under_attack):
    """The same for the monolith."""
    monolith_under_attack.someone()
    yield monolith_under_attack
    for process in monolith_under_attack.processes:
        process.end()
    monolith_under_attack.processes.clear()
    bystander, monolith_under_attack.bystander = monolith_under_attack.bystander, None
    bystander.served(20)
    result = bystander.result()
    bystander.end()
    assert monolith_under_attack.machine.reboots == 0
    assert result["wrong"] == 0 and result["statuses"] == [], result


@pytest.fixture
def channels(channels_under_attack):
    """The same for channels: the servers' processes live on, as large as they were, and nobody waited for long."""
    arena = channels_under_attack
    before, held, reboots = arena.servers(), arena.held(), arena.machine.reboots
    arena.someone().served(5)
    yield arena
    for process in arena.processes:
        process.end()
    arena.processes.clear()
    bystander, arena.bystander = arena.bystander, None
    bystander.served(20)
    result = bystander.result()
    bystander.end()
    assert result["wrong"] == 0 and result["statuses"] == [], result
    assert result["slowest"] < REASONABLE_S, result
    assert arena.machine.reboots == reboots
    assert arena.servers() == before, "a server died of it"
    until(lambda: set(arena.pids()) <= {"kernel", *before}, "the end of all attackers")
    until(lambda: arena.held() <= held, f"the return of {held} descriptors, now {arena.held()}")
