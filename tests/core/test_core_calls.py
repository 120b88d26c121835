"""Calls, replies, forwards, cancels, deadlines."""

import pytest
from machine import APP, DISK, DISK_PORT, FILES, FILES_PORT, Machine, fails, of

from microkernel.core import events as ev


@pytest.fixture
def machine():
    return Machine()


def test_call_to_a_ready_server_is_delivered_at_once(machine):
    [got] = machine.call(FILES, 1, payload=b"x", deadline=9)
    assert got == ev.Deliver(DISK, got.call, DISK_PORT, 0, 7, False, 9, (), b"x")


def test_call_with_a_full_window_queues_in_order(machine):
    first = machine.delivered(machine.call(APP, 2, id=1))
    assert len(of(ev.Deliver, machine.call(APP, 2, id=2))) == 1
    assert machine.call(APP, 2, id=3, payload=b"3") == machine.call(APP, 2, id=4, payload=b"4") == []
    effects = machine.reply(DISK, first)
    assert [e.payload for e in of(ev.Deliver, effects)] == [b"3"]


def test_call_that_waits_takes_no_place_in_the_window(machine):
    for id in range(1, 6):
        assert len(of(ev.Deliver, machine.call(APP, 2, id=id, waits=True))) == 1
    assert len(of(ev.Deliver, machine.call(APP, 2, id=9))) == 1


def test_call_that_waits_queues_behind_a_full_window(machine):
    calls = [machine.delivered(machine.call(APP, 2, id=id)) for id in (1, 2)]
    assert machine.call(APP, 2, id=3, waits=True) == []
    assert of(ev.Deliver, machine.reply(DISK, calls[0]))[0].waits


@pytest.mark.parametrize(
    ("handle", "caps", "status"),
    [
        (9, (), "NoRight"),
        (1, ((ev.HELD, 0, 9, 0),), "NoRight"),
        (1, ((ev.MINT, DISK_PORT, 1, 0),), "NoRight"),
        (1, ((ev.GRANTED, 0, 1, 0),), "NoRight"),
    ],
)
def test_call_without_the_right_changes_nothing(machine, handle, caps, status):
    machine.refuses(lambda: machine.call(FILES, handle, caps=caps), [ev.Fail(FILES, 1, status)])


def test_call_to_a_higher_rank_is_refused(machine):
    machine.step(ev.Create(9, "low", 0, (), (DISK_PORT,)), ev.Started(9, 1))
    machine.refuses(lambda: machine.call(9, 1), [ev.Fail(9, 1, "RankViolation")])


def test_call_with_an_id_in_use_is_refused_and_the_first_goes_on(machine):
    call = machine.delivered(machine.call(FILES, 1))
    machine.refuses(lambda: machine.call(FILES, 1), [ev.Fail(FILES, 1, "BadMessage")])
    assert of(ev.Answer, machine.reply(DISK, call)) == [ev.Answer(FILES, 1, False, (), b"r")]


def test_call_beyond_the_callers_quota_is_busy():
    machine = Machine(quota_calls=1)
    machine.call(APP, 2, id=1)
    machine.refuses(lambda: machine.call(APP, 1, id=2), [ev.Fail(APP, 2, "Busy")])


def test_call_to_a_full_queue_is_busy():
    machine = Machine(window=1, queue_limit=1)
    machine.call(APP, 2, id=1)
    machine.call(APP, 2, id=2)
    machine.refuses(lambda: machine.call(APP, 2, id=3), [ev.Fail(APP, 3, "Busy")])


def test_call_from_an_earlier_incarnation_is_dropped(machine):
    machine.step(ev.Exited(FILES, 1, True), ev.Started(FILES, 2))
    machine.refuses(lambda: machine.step(ev.Call(FILES, 1, 1, 1, 7, False, 0, (), b"")), [])


def test_call_by_a_starting_task_is_delivered(machine):
    machine.step(ev.Exited(FILES, 1, True), ev.Started(FILES, 2))
    assert of(ev.Deliver, machine.call(FILES, 1))


def test_call_during_a_restart_waits_for_ready(machine):
    machine.step(ev.Exited(DISK, 1, True))
    assert machine.call(FILES, 1) == []
    assert of(ev.Deliver, machine.step(ev.Started(DISK, 2))) == []
    assert of(ev.Deliver, machine.step(ev.Ready(DISK, 2)))


def test_call_to_a_gone_server_is_unavailable(machine):
    machine.step(ev.Exited(DISK, 1, False))
    machine.refuses(lambda: machine.call(FILES, 1), [ev.Fail(FILES, 1, "Unavailable")])


def test_call_to_a_port_that_nobody_owns_yet_is_unavailable(machine):
    machine.step(ev.Create(9, "late", 9, (), (77,)), ev.Started(9, 1))
    machine.refuses(lambda: machine.call(9, 1), [ev.Fail(9, 1, "Unavailable")])


def test_reply_answers_the_caller_and_confirms(machine):
    call = machine.delivered(machine.call(FILES, 1))
    effects = machine.reply(DISK, call, confirm=True, status=True)
    assert effects == [ev.Answer(FILES, 1, True, (), b"r"), ev.Confirm(DISK, call, True)]


def test_reply_twice_counts_once(machine):
    call = machine.delivered(machine.call(FILES, 1))
    machine.reply(DISK, call)
    machine.refuses(lambda: machine.reply(DISK, call, confirm=True), [ev.Confirm(DISK, call, False)])


def test_reply_by_another_task_does_not_count(machine):
    call = machine.delivered(machine.call(APP, 2))
    machine.refuses(lambda: machine.reply(FILES, call, confirm=True), [ev.Confirm(FILES, call, False)])


def test_reply_with_a_foreign_capability_is_a_bad_message(machine):
    call = machine.delivered(machine.call(FILES, 1))
    effects = machine.reply(DISK, call, confirm=True, caps=((ev.HELD, 0, 5, 0),))
    assert effects == [ev.Fail(FILES, 1, "BadMessage"), ev.Confirm(DISK, call, False)]


def test_reply_whose_rights_do_not_fit_is_busy_and_releases_the_object():
    machine = Machine(quota_rights=1)
    call = machine.delivered(machine.call(FILES, 1))
    effects = machine.reply(DISK, call, caps=((ev.MINT, DISK_PORT, 5, 0),))
    assert effects == [ev.Fail(FILES, 1, "Busy"), ev.Released(DISK, DISK_PORT, 5)]


def test_reply_to_an_abandoned_call_frees_the_window_and_says_so():
    machine = Machine(window=1)
    call = machine.delivered(machine.call(APP, 2, id=1))
    machine.call(APP, 2, id=2)
    assert machine.step(ev.Cancel(APP, 1, 1)) == [ev.Fail(APP, 1, "Cancelled"), ev.Withdrawn(DISK, call)]
    confirm, deliver = machine.reply(DISK, call, confirm=True)
    assert confirm == ev.Confirm(DISK, call, False)
    assert isinstance(deliver, ev.Deliver)


def test_reply_to_a_cancelled_waiting_call_changes_nothing(machine):
    call = machine.delivered(machine.call(APP, 2, waits=True))
    machine.step(ev.Cancel(APP, 1, 1))
    machine.refuses(lambda: machine.reply(DISK, call, confirm=True), [ev.Confirm(DISK, call, False)])


def test_forward_moves_the_right_to_reply(machine):
    call = machine.delivered(machine.call(APP, 1, waits=True))
    [got] = machine.forward(FILES, call, 1)
    assert (got.task, got.call, got.waits) == (DISK, call, True)
    machine.refuses(lambda: machine.reply(FILES, call, confirm=True), [ev.Confirm(FILES, call, False)])
    assert machine.reply(DISK, call) == [ev.Answer(APP, 1, False, (), b"r")]


def test_forward_of_a_call_that_does_not_wait_changes_nothing(machine):
    call = machine.delivered(machine.call(APP, 1))
    machine.refuses(lambda: machine.forward(FILES, call, 1), [])


def test_forward_without_the_right_is_a_bad_message_to_the_caller(machine):
    call = machine.delivered(machine.call(APP, 1, waits=True))
    assert machine.forward(FILES, call, 9) == [ev.Fail(APP, 1, "BadMessage")]


def test_forward_to_a_gone_server_is_unavailable(machine):
    call = machine.delivered(machine.call(APP, 1, waits=True))
    machine.step(ev.Exited(DISK, 1, False))
    assert machine.forward(FILES, call, 1) == [ev.Fail(APP, 1, "Unavailable")]


def test_forward_still_queued_when_the_forwarder_dies_is_server_died(machine):
    call = machine.delivered(machine.call(APP, 1, waits=True))
    machine.step(ev.Exited(DISK, 1, True))
    assert machine.forward(FILES, call, 1) == []
    assert fails(machine.step(ev.Exited(FILES, 1, True))) == [(APP, 1, "ServerDied")]


def test_cancel_of_a_queued_call_removes_it():
    machine = Machine(window=1)
    call = machine.delivered(machine.call(APP, 2, id=1))
    machine.call(APP, 2, id=2)
    assert machine.step(ev.Cancel(APP, 1, 2)) == [ev.Fail(APP, 2, "Cancelled")]
    assert of(ev.Deliver, machine.reply(DISK, call)) == []


def test_cancel_of_an_unknown_call_changes_nothing(machine):
    machine.refuses(lambda: machine.step(ev.Cancel(APP, 1, 1)), [])


def test_tick_before_the_deadline_changes_nothing(machine):
    machine.call(FILES, 1, deadline=10)
    machine.refuses(lambda: machine.step(ev.Tick(9)), [])


def test_tick_at_the_deadline_fails_the_call(machine):
    call = machine.delivered(machine.call(FILES, 1, deadline=10))
    assert machine.step(ev.Tick(10)) == [ev.Fail(FILES, 1, "DeadlineExceeded"), ev.Withdrawn(DISK, call)]
    assert machine.step(ev.Tick(11)) == []


def test_tick_leaves_calls_without_a_deadline(machine):
    machine.call(FILES, 1)
    machine.refuses(lambda: machine.step(ev.Tick(10**18)), [])


def test_undeliverable_call_is_busy_and_leaves_no_right(machine):
    caps = ((ev.MINT, 20, 4, 0),)
    call = machine.delivered(machine.call(FILES, 1, caps=caps))
    effects = machine.step(ev.Undeliverable(DISK, call))
    assert effects == [ev.Fail(FILES, 1, "Busy"), ev.Released(FILES, 20, 4)]
    assert not [key for key in machine.core.rights if key[0] == DISK]


def test_undeliverable_call_of_another_server_changes_nothing(machine):
    call = machine.delivered(machine.call(FILES, 1))
    machine.refuses(lambda: machine.step(ev.Undeliverable(FILES, call)), [])


def test_create_with_a_quota_of_its_own_bounds_that_task_alone():
    machine = Machine()
    machine.core.step(ev.Create(9, "small", 9, (), (FILES_PORT,), (), (1, 0, 0)))
    machine.core.step(ev.Started(9, 1))
    machine.core.step(ev.Call(9, 1, 1, 1, 7, False, 0, (), b""))
    assert ev.Fail(9, 2, "Busy") in machine.core.step(ev.Call(9, 1, 2, 1, 7, False, 0, (), b""))
