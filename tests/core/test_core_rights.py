"""Rights: minting, passing, closing, revoking, destroying."""

import pytest
from machine import APP, DISK, DISK_PORT, FILES, FILES_PORT, Machine, fails, of

from microkernel.core import events as ev


@pytest.fixture
def machine():
    return Machine()


def released(effects):
    return [(e.task, e.port, e.object) for e in of(ev.Released, effects)]


def test_mint_in_a_reply_gives_the_caller_a_right(machine):
    handle = machine.open(object=5)
    [got] = machine.call(FILES, handle)
    assert (got.task, got.port, got.object) == (DISK, DISK_PORT, 5)


def test_mint_that_comes_home_is_released_at_once(machine):
    machine.step(
        ev.Create(9, "self", 9, (90,), (90,)), ev.Started(9, 1), ev.Ready(9, 1), ev.Create(8, "x", 10, (), (90,))
    )
    machine.step(ev.Started(8, 1))
    call = machine.delivered(machine.call(8, 1, waits=True))
    deliver, gone = machine.forward(9, call, 1, caps=((ev.MINT, 90, 3, 0),))
    assert deliver.caps == ((ev.HOME, 90, 3, 0),)
    assert gone == ev.Released(9, 90, 3)


def test_passing_tells_the_rank_of_the_server(machine):
    call = machine.delivered(machine.call(APP, 1))
    [answer] = machine.reply(FILES, call, caps=((ev.HELD, 0, 1, 0),))
    assert answer.caps == ((ev.GRANTED, 1, 3, 0),)


def test_passing_an_object_home_makes_no_right(machine):
    handle = machine.open(object=5)
    [got] = machine.call(FILES, 1, caps=((ev.HELD, 0, handle, 0),))
    assert got.caps == ((ev.HOME, DISK_PORT, 5, 0),)
    assert not [key for key in machine.core.rights if key[0] == DISK]


def test_close_of_the_last_right_releases_the_object(machine):
    handle = machine.open(object=5)
    lent = machine.lend(handle)
    assert machine.step(ev.Close(FILES, 1, handle)) == []
    assert released(machine.step(ev.Close(APP, 1, lent))) == [(DISK, DISK_PORT, 5)]


def test_close_twice_changes_nothing(machine):
    handle = machine.open()
    machine.step(ev.Close(FILES, 1, handle))
    machine.refuses(lambda: machine.step(ev.Close(FILES, 1, handle)), [])
    machine.refuses(lambda: machine.call(FILES, handle), [ev.Fail(FILES, 1, "NoRight")])


def test_close_never_gives_the_handle_again(machine):
    first = machine.open()
    machine.step(ev.Close(FILES, 1, first))
    assert machine.open() == first + 1


def test_close_of_a_right_with_a_queued_call_answers_it():
    machine = Machine(window=1)
    handle = machine.open()
    machine.call(APP, 2)
    machine.call(FILES, handle, id=2)
    assert fails(machine.step(ev.Close(FILES, 1, handle))) == [(FILES, 2, "NoRight")]


def test_revoke_takes_the_whole_descent_but_not_the_right_itself(machine):
    handle = machine.open()
    lent = machine.lend(handle)
    assert machine.step(ev.Revoke(FILES, 1, handle)) == []
    assert fails(machine.call(APP, lent)) == [(APP, 1, "NoRight")]
    assert of(ev.Deliver, machine.call(FILES, handle))


def test_revoke_reaches_past_a_right_that_was_closed(machine):
    handle = machine.open()
    lent = machine.lend(handle)
    [got] = machine.call(APP, 1, id=2, caps=((ev.HELD, 0, lent, 0),))
    third = got.caps[0][2]
    machine.step(ev.Close(APP, 1, lent))
    assert of(ev.Deliver, machine.call(FILES, third, id=3))
    machine.step(ev.Revoke(FILES, 1, handle))
    assert fails(machine.call(FILES, third, id=4)) == [(FILES, 4, "NoRight")]


def test_revoke_of_an_unknown_handle_changes_nothing(machine):
    machine.refuses(lambda: machine.step(ev.Revoke(FILES, 1, 9)), [])


def test_revoke_reaches_what_is_queued():
    machine = Machine(window=1)
    handle = machine.open()
    machine.call(APP, 2)
    machine.call(FILES, 1, id=2, caps=((ev.HELD, 0, handle, 0),))
    assert fails(machine.step(ev.Revoke(FILES, 1, handle))) == [(FILES, 2, "NoRight")]


def test_destroy_takes_every_right_and_says_released(machine):
    handle = machine.open(object=5)
    lent = machine.lend(handle)
    assert released(machine.step(ev.Destroy(DISK, 1, DISK_PORT, 5))) == [(DISK, DISK_PORT, 5)]
    assert fails(machine.call(FILES, handle)) == [(FILES, 1, "NoRight")]
    assert fails(machine.call(APP, lent)) == [(APP, 1, "NoRight")]


def test_destroy_by_another_task_changes_nothing(machine):
    machine.open(object=5)
    machine.refuses(lambda: machine.step(ev.Destroy(FILES, 1, DISK_PORT, 5)), [])


def test_destroy_reaches_a_queued_mint(machine):
    machine.step(ev.Exited(DISK, 1, True))
    machine.call(FILES, 1, caps=((ev.MINT, FILES_PORT, 4, 0),))
    effects = machine.step(ev.Destroy(FILES, 1, FILES_PORT, 4))
    assert effects == [ev.Fail(FILES, 1, "NoRight"), ev.Released(FILES, FILES_PORT, 4)]


def test_refused_call_with_a_mint_releases_it(machine):
    machine.step(ev.Exited(DISK, 1, False))
    effects = [ev.Fail(FILES, 1, "Unavailable"), ev.Released(FILES, FILES_PORT, 4)]
    machine.refuses(lambda: machine.call(FILES, 1, caps=((ev.MINT, FILES_PORT, 4, 0),)), effects)


def test_mint_of_an_own_service_gives_the_caller_a_right_to_it(machine):
    call = machine.delivered(machine.call(FILES, 1))
    [answer] = of(ev.Answer, machine.reply(DISK, call, caps=((ev.MINT, DISK_PORT, 0, 0),)))
    assert answer.caps == ((ev.GRANTED, 1, 2, 0),)
    [got] = machine.call(FILES, 2)
    assert (got.task, got.port, got.object) == (DISK, DISK_PORT, 0)


def test_mint_of_another_service_is_refused(machine):
    for caps in (((ev.MINT, DISK_PORT, 0, 0),), ((ev.MINT, FILES_PORT, 0, 7),)):
        machine.refuses(lambda caps=caps: machine.call(FILES, 1, caps=caps), [ev.Fail(FILES, 1, "NoRight")])


def test_service_that_is_passed_to_its_server_comes_home(machine):
    [got] = machine.call(FILES, 1, caps=((ev.HELD, 0, 1, 0),))
    assert got.caps == ((ev.HOME, DISK_PORT, 0, 0),)
    assert not [key for key in machine.core.rights if key[0] == DISK]


def test_right_to_one_of_several_servers_tells_that_server_s_rank(machine):
    machine.step(ev.Create(9, "two", 7, (90, 91), (), ranks=(7, 4)), ev.Create(8, "x", 10, (80,), (90, 91)))
    machine.step(ev.Create(7, "y", 11, (), (80,)), ev.Started(9, 1), ev.Started(8, 1), ev.Ready(8, 1))
    machine.step(ev.Started(7, 1))
    for handle, rank in ((1, 7), (2, 4)):
        call = machine.delivered(machine.call(7, 1))
        [answer] = machine.reply(8, call, caps=((ev.HELD, 0, handle, 0),))
        assert answer.caps == ((ev.GRANTED, rank, handle + 1, 0),)
