"""The log: order, bounds, followers, lost notices, the output file."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from time import time_ns

import pytest
from direct import Caller, domain, link, put

from microlith.frame.frame import NOTICES, Frame
from microlith.interface.devices import HostFile
from microlith.interface.status import DeadlineExceeded
from servers.log import BATCH, TEXT, Extent, Level, Log, RecordLog
from servers.statuses import Invalid


@pytest.fixture
def frame() -> Iterator[Frame]:
    with domain() as frame:
        yield frame


@pytest.fixture
def log(frame: Frame) -> Log:
    return link(put(frame, RecordLog()))


@pytest.fixture
def output(tmp_path: Path) -> Iterator[HostFile]:
    descriptor = os.open(tmp_path / "log", os.O_RDWR | os.O_CREAT)
    yield HostFile("output", (descriptor,))
    os.close(descriptor)


def fill(frame: Frame, log: Log, count: int, text: str = "") -> None:
    for number in range(count):
        log.record(Level.INFO, "test", text or f"record {number}")
        frame.deliver_notices()


def lines(tmp_path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (tmp_path / "log").read_bytes().splitlines()]


def test_record_is_numbered_stamped_and_kept_in_order(frame: Frame, log: Log) -> None:
    before = time_ns()
    log.record(Level.ERROR, "disk", "it burns")
    log.record(Level.DEBUG, "files", "ß\n\x00")
    frame.deliver_notices()
    first, second = log.read()
    assert (first.number, first.level, first.source, first.text) == (1, Level.ERROR, "disk", "it burns")
    assert (second.number, second.level, second.source, second.text) == (2, Level.DEBUG, "files", "ß\n\x00")
    assert before <= first.time <= second.time <= time_ns()


def test_record_is_queued_and_does_not_block(frame: Frame, log: Log) -> None:
    log.record(Level.INFO, "test", "one")
    assert log.read() == ()
    frame.deliver_notices()
    assert len(log.read()) == 1


def test_read_of_an_empty_log(log: Log) -> None:
    assert log.read() == ()
    assert log.extent() == Extent(1, 0, 0)


def test_read_after_and_count(frame: Frame, log: Log) -> None:
    fill(frame, log, 10)
    assert [r.number for r in log.read(4, 3)] == [5, 6, 7]
    assert [r.number for r in log.read(8)] == [9, 10]
    assert log.read(10) == log.read(99) == log.read(0, 0) == ()
    for wrong in ((-1, 1), (0, -1)):
        with pytest.raises(Invalid):
            log.read(*wrong)


def test_ring_keeps_the_newest(frame: Frame) -> None:
    log = link(put(frame, RecordLog(), capacity=5))
    fill(frame, log, 12)
    assert [r.number for r in log.read()] == [8, 9, 10, 11, 12]
    assert [r.number for r in log.read(9)] == [10, 11, 12]
    assert log.extent() == Extent(8, 12, 0)


def test_read_of_long_records_comes_in_batches(frame: Frame, log: Log) -> None:
    fill(frame, log, 100, "x" * TEXT)
    got: list[int] = []
    while batch := log.read(got[-1] if got else 0):
        assert sum(len(r.text) for r in batch) <= BATCH
        got += [r.number for r in batch]
    assert got == list(range(1, 101))


def test_long_text_and_source_are_cut(frame: Frame, log: Log) -> None:
    log.record(Level.INFO, "s" * 1000, "t" * 100_000)
    frame.deliver_notices()
    (record,) = log.read()
    assert record.source == "s" * 61 + "..." and record.text == "t" * (TEXT - 3) + "..."


def test_follow_answers_what_is_there(frame: Frame, log: Log) -> None:
    fill(frame, log, 3)
    assert [r.number for r in log.follow(1)] == [2, 3]


def test_follow_waits_for_the_next(frame: Frame, log: Log) -> None:
    fill(frame, log, 3)
    followers = [Caller(frame, log, "follow", 3) for _ in range(2)]
    assert all(follower.open for follower in followers)
    fill(frame, log, 1)
    assert [[r.number for r in follower.result()] for follower in followers] == [[4], [4]]


def test_follow_given_up_is_forgotten(frame: Frame, log: Log) -> None:
    with pytest.raises(DeadlineExceeded), frame.within(0.01):
        log.follow()
    fill(frame, log, 1)
    assert [r.number for r in log.follow()] == [1]


def test_follow_of_an_earlier_incarnation_starts_anew(frame: Frame, log: Log) -> None:
    follower = Caller(frame, log, "follow", 500)
    fill(frame, log, 1)
    assert [r.number for r in follower.result()] == [1]
    assert [r.number for r in log.follow(500)] == [1]


def test_lost_notices_become_a_record(frame: Frame, log: Log) -> None:
    for number in range(NOTICES + 7):
        log.record(Level.INFO, "test", str(number))
    frame.deliver_notices()
    log.record(Level.INFO, "test", "after")
    frame.deliver_notices()
    *_, note, after = log.read(NOTICES - 1)
    assert (note.level, note.source, note.text) == (Level.WARNING, "log", "7 records were lost here")
    assert after.text == "after"
    assert log.extent().lost == 7


def test_output_has_one_line_of_json_a_record(frame: Frame, output: HostFile, tmp_path: Path) -> None:
    log = link(put(frame, RecordLog(), output=output))
    log.record(Level.WARNING, "a", "line\nbreak \udc80 ß")
    fill(frame, log, 1)
    first, second = lines(tmp_path)
    assert {k: first[k] for k in ("number", "level", "source", "text")} == {
        "number": 1, "level": "warning", "source": "a", "text": "line\nbreak \udc80 ß"
    }  # fmt: skip
    assert second["text"] == "record 0" and isinstance(second["time"], int)


def test_output_goes_on_after_a_restart(frame: Frame, output: HostFile, tmp_path: Path) -> None:
    for _ in range(2):
        fill(frame, link(put(frame, RecordLog(), output=output)), 2)
    assert [line["number"] for line in lines(tmp_path)] == [1, 2, 1, 2]


def test_output_is_bounded(frame: Frame, output: HostFile, tmp_path: Path) -> None:
    log = link(put(frame, RecordLog(), output=output, output_limit=4000))
    fill(frame, log, 200)
    assert (tmp_path / "log").stat().st_size <= 4000
    numbers = [line["number"] for line in lines(tmp_path)]
    assert numbers == list(range(201 - len(numbers), 201)) and len(numbers) > 10


def test_output_that_fails_costs_its_lines_not_the_log(frame: Frame) -> None:
    descriptor = os.open("/dev/full", os.O_RDWR)
    log = link(put(frame, RecordLog(), output=HostFile("output", (descriptor,))))
    fill(frame, log, 3)
    os.close(descriptor)
    texts = [r.text for r in log.read()]
    assert texts == ["record 0", "output: No space left on device; records are missing there", "record 1", "record 2"]
