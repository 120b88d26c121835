"""Lives: create, started, ready, exited, adoption, watches, notices, interrupts."""

import pytest
from machine import APP, DISK, DISK_PORT, FILES, FILES_PORT, LINE, Machine, fails, of

from microkernel.core import events as ev
from tests.explore.snapshot import copy_of, key_of


@pytest.fixture
def machine():
    return Machine()


@pytest.mark.parametrize(
    "event",
    [
        ev.Create(DISK, "again", 0, (), ()),
        ev.Create(9, "thief", 0, (DISK_PORT,), ()),
        ev.Create(9, "thief", 0, (), (), (LINE,)),
        ev.Create(9, "twice", 0, (90, 90), ()),
        ev.Started(9, 1),
        ev.Started(DISK, 2),
        ev.Exited(DISK, 2, True),
        ev.Exited(9, 1, True),
        ev.Ready(DISK, 1),
        ev.Adopt(DISK, 1, DISK_PORT, 1, 1),
        ev.Interrupt(99),
        ev.Acknowledge(DISK, 1, LINE),
        ev.Acknowledge(FILES, 1, LINE),
        ev.Dropped(99, 0),
        ev.Watch(FILES, 1, 9),
        ev.Notify(FILES, 1, 9, 1, b""),
    ],
)
def test_illegal_event_changes_nothing(machine, event):
    machine.refuses(lambda: machine.step(event), [])


def test_started_with_a_skipped_incarnation_changes_nothing(machine):
    machine.step(ev.Exited(DISK, 1, True))
    machine.refuses(lambda: machine.step(ev.Started(DISK, 3)), [])


def test_exited_ends_delivered_calls_and_keeps_queued_ones():
    machine = Machine(window=1)
    machine.call(APP, 2, id=1)
    machine.call(APP, 2, id=2)
    assert fails(machine.step(ev.Exited(DISK, 1, True))) == [(APP, 1, "ServerDied")]
    machine.step(ev.Started(DISK, 2))
    assert of(ev.Deliver, machine.step(ev.Ready(DISK, 2)))


def test_exited_for_good_answers_queued_calls():
    machine = Machine(window=1)
    machine.call(APP, 2, id=1)
    machine.call(APP, 2, id=2)
    assert fails(machine.step(ev.Exited(DISK, 1, False))) == [(APP, 1, "ServerDied"), (APP, 2, "Unavailable")]


def test_exited_while_down_gives_up(machine):
    machine.step(ev.Exited(DISK, 1, True))
    machine.call(FILES, 1)
    assert fails(machine.step(ev.Exited(DISK, 1, False))) == [(FILES, 1, "Unavailable")]


def test_exited_caller_withdraws_its_calls_and_keeps_the_window_used():
    machine = Machine(window=1)
    call = machine.delivered(machine.call(APP, 2))
    assert machine.step(ev.Exited(APP, 1, False)) == [ev.Withdrawn(DISK, call)]
    assert machine.call(FILES, 1) == []
    assert of(ev.Deliver, machine.reply(DISK, call))


def test_exited_client_without_ports_is_forgotten(machine):
    machine.step(ev.Exited(APP, 1, False))
    assert APP not in machine.core.tasks
    for table in (machine.core.next_handle, machine.core.held, machine.core.opened, machine.core.used):
        assert APP not in table


def test_adopt_moves_every_right_to_the_new_object(machine):
    handle = machine.open(badge=7, object=5)
    lent = machine.lend(handle)
    assert machine.restart(DISK) == [ev.Welcome(DISK, 2, ((DISK_PORT, 5, 7),))]
    assert machine.call(APP, lent, id=2) == []
    machine.step(ev.Adopt(DISK, 2, DISK_PORT, 5, 9))
    assert [e.object for e in of(ev.Deliver, machine.step(ev.Ready(DISK, 2)))] == [9]
    assert of(ev.Deliver, machine.call(FILES, handle))[0].object == 9


def test_ready_makes_unadopted_rights_stale(machine):
    handle = machine.open(badge=7)
    machine.restart(DISK)
    machine.call(FILES, handle, id=2)
    assert fails(machine.step(ev.Ready(DISK, 2))) == [(FILES, 2, "Stale")]
    machine.refuses(lambda: machine.call(FILES, handle), [ev.Fail(FILES, 1, "Stale")])


def test_exited_makes_rights_without_a_badge_stale(machine):
    handle = machine.open(badge=0)
    assert machine.restart(DISK) == [ev.Welcome(DISK, 2, ())]
    machine.refuses(lambda: machine.call(FILES, handle), [ev.Fail(FILES, 1, "Stale")])


def test_adopt_of_an_object_that_vanished_releases_the_new_one(machine):
    handle = machine.open(badge=7, object=5)
    machine.restart(DISK)
    machine.step(ev.Close(FILES, 1, handle))
    effects = [ev.Released(DISK, DISK_PORT, 8)]
    machine.refuses(lambda: machine.step(ev.Adopt(DISK, 2, DISK_PORT, 5, 8)), effects)


def test_rebadge_to_none_makes_every_right_stale_at_the_death(machine):
    handle = machine.open(badge=7, object=5)
    lent = machine.lend(handle)
    assert machine.step(ev.Rebadge(DISK, 1, DISK_PORT, 5, 0)) == []
    assert machine.restart(DISK) == [ev.Welcome(DISK, 2, ())]
    assert [e.status for e in machine.call(FILES, handle)] == ["Stale"]
    assert [e.status for e in machine.call(APP, lent)] == ["Stale"]


def test_rebadge_changes_what_is_offered(machine):
    machine.open(badge=0, object=5)
    machine.open(badge=7, object=6)
    machine.step(ev.Rebadge(DISK, 1, DISK_PORT, 5, 8))
    assert machine.restart(DISK) == [ev.Welcome(DISK, 2, ((DISK_PORT, 5, 8), (DISK_PORT, 6, 7)))]


def test_rebadge_of_an_adopted_object_leaves_those_of_the_earlier_life(machine):
    machine.open(badge=7, object=5)
    machine.open(badge=8, object=6)
    machine.restart(DISK)
    machine.step(ev.Adopt(DISK, 2, DISK_PORT, 5, 6), ev.Rebadge(DISK, 2, DISK_PORT, 6, 9))
    assert sorted(right.badge for right in machine.core.rights.values() if right.object) == [8, 9]


def test_rebadge_reaches_a_queued_mint(machine):
    machine.step(ev.Exited(DISK, 1, True))
    machine.call(FILES, 1, caps=((ev.MINT, FILES_PORT, 4, 7),))
    machine.step(ev.Rebadge(FILES, 1, FILES_PORT, 4, 0), ev.Started(DISK, 2), ev.Ready(DISK, 2))
    assert [r.badge for key, r in machine.core.rights.items() if key[0] == DISK and r.object == 4] == [0]


@pytest.mark.parametrize("object", [0, 5, 9])
def test_rebadge_by_another_task_or_of_nothing_changes_nothing(machine, object):
    machine.open(badge=7, object=5)
    machine.refuses(lambda: machine.step(ev.Rebadge(FILES, 1, DISK_PORT, object, 1)), [])
    if object != 5:
        machine.refuses(lambda: machine.step(ev.Rebadge(DISK, 1, DISK_PORT, object, 1)), [])


def test_watch_tells_each_death_once(machine):
    machine.step(ev.Watch(FILES, 1, 1), ev.Watch(FILES, 1, 1))
    assert machine.step(ev.Exited(DISK, 1, True)) == [ev.Death(FILES, 1, 1)]
    machine.step(ev.Started(DISK, 2))
    assert machine.step(ev.Exited(DISK, 2, True)) == [ev.Death(FILES, 1, 2)]
    assert machine.step(ev.Exited(DISK, 2, False)) == []


def test_watch_of_a_gone_server_tells_at_once(machine):
    machine.step(ev.Exited(DISK, 1, False))
    machine.refuses(lambda: machine.step(ev.Watch(FILES, 1, 1)), [ev.Death(FILES, 1, 1)])


def test_watch_ends_with_its_handle(machine):
    machine.step(ev.Watch(FILES, 1, 1), ev.Close(FILES, 1, 1))
    assert machine.step(ev.Exited(DISK, 1, True)) == []


def test_notify_of_a_server_that_is_not_ready_is_counted(machine):
    notice = ev.Notify(FILES, 1, 1, 3, b"n")
    assert machine.step(notice) == [ev.Notice(DISK, DISK_PORT, 0, 3, b"n", 0)]
    machine.step(ev.Dropped(DISK_PORT, 0))
    machine.restart(DISK)
    assert machine.step(notice) == []
    machine.step(ev.Ready(DISK, 2))
    assert machine.step(notice)[0].lost == 2
    assert machine.step(notice)[0].lost == 0


def test_interrupt_comes_once_until_acknowledged(machine):
    assert machine.step(ev.Interrupt(LINE)) == [ev.Attend(DISK, LINE)]
    machine.refuses(lambda: machine.step(ev.Interrupt(LINE)), [])
    assert machine.step(ev.Acknowledge(DISK, 1, LINE)) == [ev.Unmask(LINE)]
    assert machine.step(ev.Interrupt(LINE)) == [ev.Attend(DISK, LINE)]


def test_interrupt_is_masked_from_death_to_ready(machine):
    machine.restart(DISK)
    machine.refuses(lambda: machine.step(ev.Interrupt(LINE)), [])
    assert ev.Unmask(LINE) in machine.step(ev.Ready(DISK, 2))


def test_copy_is_independent(machine):
    twin = copy_of(machine.core)
    before = key_of(twin)
    machine.call(APP, 2)
    assert key_of(twin) == before
    assert key_of(machine.core) != before
