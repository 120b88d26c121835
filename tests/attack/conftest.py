"""The fixtures of the attacks: one machine a module, attacked by its tests one after the other."""

import shutil
import tempfile
from pathlib import Path

import pytest
from arena import Arena


def _arena(architecture):
    folder = Path(tempfile.mkdtemp(prefix="ml-", dir="/tmp"))
    folder.chmod(0o711)
    made = Arena(folder, architecture)
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
