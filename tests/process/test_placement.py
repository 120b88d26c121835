"""Where the processes of a machine run."""

import os

import pytest

from microlith import UsageError, boot
from microlith.launch.placement import place

TWO_CORES = len(os.sched_getaffinity(0)) >= 2


def cores_of(machine):
    return {row["domain"]: os.sched_getaffinity(row["pid"]) for row in machine.state()["domains"] if row["pid"]}


@pytest.mark.parametrize("architecture", ["library", "monolith", "mach", "mach25", "hybrid", "l4"])
def test_same_core_keeps_every_process_on_one(architecture):
    first = min(os.sched_getaffinity(0))
    with boot("five", architecture=architecture, placement="same-core") as machine:
        found = cores_of(machine)
        assert found
        assert set(map(frozenset, found.values())) == {frozenset({first})}
        assert machine.boot.placement == "same-core"


@pytest.mark.skipif(not TWO_CORES, reason="needs two cores")
def test_spread_keeps_servers_off_the_first_core():
    first = min(os.sched_getaffinity(0))
    with boot("five", architecture="l4", placement="spread") as machine:
        servers = [cores for name, cores in cores_of(machine).items() if name != "kernel"]
        assert all(len(cores) == 1 and first not in cores for cores in servers)


def test_restarted_server_keeps_its_cores():
    with boot("five", architecture="l4", placement="same-core") as machine:
        machine.kill("disk")
        machine.connect("disk").geometry()
        assert len(cores_of(machine)["disk"]) == 1


def test_nobody_spins_on_one_core():
    assert not place("same-core").spins


def test_unknown_placement_is_a_usage_error():
    with pytest.raises(UsageError, match="there are"):
        boot("five", placement="everywhere")
