"""`fault:STATUS/N`: every N-th call that can answer it fails with that status, on every path."""

import pytest

from microlith import boot
from microlith.interface.status import Busy
from tests.conformance.parts import Refused
from tests.links.machines import ARCHITECTURES, asked, system

EVERY = pytest.mark.parametrize("architecture", ARCHITECTURES)


@EVERY
def test_fault_of_every_third_call(architecture):
    assert asked(architecture, "refuse", {"asker.echo": "fault:Wrong/3"}) == ["0 0 Wrong 0 0 Wrong"]


@EVERY
def test_fault_of_a_system_status_counts_every_call(architecture):
    assert asked(architecture, "mixed", {"asker.echo": "fault:Busy/2"}) == ["1 Busy 1 Busy 1 Busy"]


@EVERY
def test_fault_of_a_declared_status_counts_the_calls_that_can_answer_it(architecture):
    assert asked(architecture, "mixed", {"asker.echo": "fault:Refused/2"}) == ["1 0 1 Refused 1 0"]


@EVERY
def test_fault_of_objects_that_came_back_counts_with_the_link(architecture):
    """make, several and pair are calls 1 to 3; so the first and the third of the four objects fail."""
    assert asked(architecture, "objects", {"asker.maker": "fault:Stale/4"}) == ["Stale 0 1 8"]


@EVERY
def test_fault_of_a_forwarded_call_is_the_answer_to_whoever_waits(architecture):
    assert asked(architecture, "wait", {"front.waiter": "fault:Refused/1"}) == ["Refused Refused"]


@EVERY
def test_fault_of_a_link_between_servers_is_a_status_that_the_server_sees(architecture):
    with boot(system(), architecture, links={"front.echo": "fault:Wrong/1"}) as machine:
        front = machine.connect("front")
        assert front.caught(0) == "caught Wrong: injected"
        with pytest.raises(Refused):
            machine.connect("echo").refuse(1)


@EVERY
def test_fault_of_the_operator(architecture):
    with boot(system(), architecture, links={"operator.echo": "fault:Busy/2"}) as machine:
        echo = machine.connect("echo")
        assert echo.integer(1) == 1
        with pytest.raises(Busy):
            echo.integer(2)
        assert machine.connect("waiter").withdrawals() == 0
