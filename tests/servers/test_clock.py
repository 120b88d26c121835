"""The clock on a real timerfd, driven by the loop of its domain."""

import os
from collections.abc import Iterator
from time import monotonic_ns, time_ns

import pytest
from direct import Caller, domain, link, put

from microlith.frame.frame import Frame
from microlith.interface.devices import Timer
from microlith.interface.status import DeadlineExceeded
from servers.clock import Clock, HostClock
from servers.statuses import Invalid, NotOpen

MS = 1_000_000


@pytest.fixture
def frame() -> Iterator[Frame]:
    with domain() as frame:
        yield frame


@pytest.fixture
def server(frame: Frame) -> Iterator[HostClock]:
    alarm = Timer.make("alarm")
    yield put(frame, HostClock(), alarm=alarm)
    os.close(alarm.line)


@pytest.fixture
def clock(server: HostClock) -> Clock:
    return link(server)


def test_time_is_the_hosts(clock: Clock) -> None:
    before = time_ns()
    assert before <= clock.time() <= time_ns()


def test_monotonic_does_not_go_back(clock: Clock) -> None:
    times = [monotonic_ns(), clock.monotonic(), clock.monotonic(), monotonic_ns()]
    assert times == sorted(times)


def test_sleep_answers_not_before_its_time(clock: Clock) -> None:
    before = monotonic_ns()
    clock.sleep(20 * MS)
    assert monotonic_ns() - before >= 20 * MS


@pytest.mark.parametrize("duration", [0, -1, -(2**63)])
def test_sleep_of_nothing_answers_at_once(clock: Clock, duration: int) -> None:
    clock.sleep(duration)


def test_sleep_until_the_past_answers_at_once(clock: Clock) -> None:
    clock.sleep_until(1)
    clock.sleep_until(clock.monotonic())


def test_sleep_for_ever_can_be_given_up(frame: Frame, server: HostClock, clock: Clock) -> None:
    for _ in range(3):
        with pytest.raises(DeadlineExceeded), frame.within(0.01):
            clock.sleep(2**63 - 1)
    assert server._heap == []


def test_sleepers_wake_in_the_order_of_their_times(frame: Frame, server: HostClock) -> None:
    now = monotonic_ns()
    late, early, middle = (Caller(frame, server, "sleep_until", now + n * MS) for n in (60, 10, 30))
    early.result()
    assert middle.open and late.open
    middle.result()
    assert late.open
    late.result()
    assert monotonic_ns() >= now + 60 * MS


def test_a_sleeper_that_gave_up_wakes_nobody(frame: Frame, server: HostClock) -> None:
    now = monotonic_ns()
    first, second = (Caller(frame, server, "sleep_until", now + n * MS) for n in (5, 15))
    first.give_up()
    second.result()
    assert first.open


def test_many_sleepers_of_one_time_are_all_answered(frame: Frame, server: HostClock) -> None:
    when = monotonic_ns() + 10 * MS
    sleepers = [Caller(frame, server, "sleep_until", when) for _ in range(500)]
    for sleeper in sleepers:
        sleeper.result()


def test_timer_once_expires_once(frame: Frame, clock: Clock) -> None:
    timer = clock.timer()
    timer.set(clock.monotonic() + 10 * MS)
    assert link(timer).wait() == 1
    with pytest.raises(DeadlineExceeded), frame.within(0.02):
        timer.wait()


def test_timer_not_set_does_not_expire(frame: Frame, clock: Clock) -> None:
    timer = clock.timer()
    with pytest.raises(DeadlineExceeded), frame.within(0.01):
        timer.wait()


def test_timer_periodic_counts_what_was_missed(frame: Frame, clock: Clock) -> None:
    timer = clock.timer()
    begin = clock.monotonic()
    timer.set(begin, 2 * MS)
    clock.sleep_until(begin + 21 * MS)
    total = timer.wait()
    assert total >= 11
    for _ in range(5):
        total += timer.wait()
    passed = clock.monotonic() - begin
    assert passed // (2 * MS) - 1 <= total <= passed // (2 * MS) + 1


def test_timer_of_a_tiny_period_costs_nothing_unasked(frame: Frame, server: HostClock, clock: Clock) -> None:
    timer = clock.timer()
    timer.set(1, 1)
    assert server._heap == []
    assert timer.wait() > 1000


def test_timer_set_while_waited_for_wakes_the_waiter(frame: Frame, server: HostClock) -> None:
    timer = server.timer()
    waiter = Caller(frame, timer, "wait")
    timer.set(monotonic_ns() + 10_000_000 * MS)
    assert waiter.open
    timer.set(monotonic_ns() + 5 * MS)
    assert waiter.result() == 1


def test_timer_goes_to_the_next_waiter_when_one_gave_up(frame: Frame, server: HostClock) -> None:
    timer = server.timer()
    first, second = Caller(frame, timer, "wait"), Caller(frame, timer, "wait")
    timer.set(monotonic_ns() + 5 * MS)
    first.give_up()
    assert second.result() == 1
    assert first.open


def test_timer_closed_answers_not_open(frame: Frame, server: HostClock) -> None:
    timer = server.timer()
    timer.set(monotonic_ns() + 10_000 * MS)
    waiter = Caller(frame, timer, "wait")
    timer.close()
    with pytest.raises(NotOpen):
        waiter.result()
    for call in (timer.wait, lambda: timer.set(1)):
        with pytest.raises(NotOpen):
            call()
    assert server._heap == []
    timer.close()


def test_timer_released_leaves_nothing(frame: Frame, server: HostClock) -> None:
    timer = server.timer()
    timer.set(monotonic_ns() + 10_000 * MS, 1)
    waiter = Caller(frame, timer, "wait")
    waiter.give_up()
    timer.released()
    assert server._heap == []


@pytest.mark.parametrize(("first", "period"), [(-1, 0), (0, -1)])
def test_timer_negative_is_invalid_and_changes_nothing(frame: Frame, clock: Clock, first: int, period: int) -> None:
    timer = clock.timer()
    timer.set(1)
    with pytest.raises(Invalid):
        timer.set(first, period)
    assert timer.wait() == 1
