"""From events to a walk: lanes, legs, marks and counts."""

from bench.walk.build import build
from tests.walk import canned
from tests.walk.canned import BEGIN, events


def walked(kind, total=100_000):
    homes, given = getattr(canned, kind), getattr(canned, f"{kind}_EVENTS")
    return build(kind.lower(), "files.open /f .read 0 4096", given, homes, BEGIN, BEGIN + total)


def legs_of(walk):
    names = [lane.name for lane in walk.lanes]
    return [(leg.kind, names[leg.source], names[leg.target], leg.what, leg.size) for leg in walk.legs]


def test_build_of_direct_calls_nests_them_and_crosses_nothing():
    walk = walked("LIBRARY", 10_000)
    assert legs_of(walk) == [
        ("call", "app", "files", "File.read", 0),
        ("call", "files", "disk", "BlockDevice.read", 0),
        ("return", "disk", "files", "BlockDevice.read", 0),
        ("return", "files", "app", "File.read", 0),
    ]
    assert walk.legs[2].inside == 5000
    assert (walk.counts.crossings, walk.counts.direct_calls, walk.counts.traps) == (0, 2, 0)


def test_build_of_a_trap_has_direct_calls_inside_the_kernel():
    walk = walked("MONOLITH")
    assert [(lane.name, lane.domain, lane.kernel) for lane in walk.lanes] == [
        ("app", "app-1", False),
        ("files", "kernel", True),
        ("disk", "kernel", True),
    ]
    assert [leg[0] for leg in legs_of(walk)] == ["request", "call", "return", "reply"]
    assert [(mark.kind, mark.lane, mark.size) for mark in walk.marks] == [
        ("copy", 0, 32),
        ("wake-up", 1, 0),
        ("copy", 1, 32),
        ("kernel visit", 1, 0),
        ("copy", 1, 4112),
        ("wake-up", 0, 0),
        ("copy", 0, 4112),
    ]
    counts = walk.counts
    assert (counts.crossings, counts.kernel_visits, counts.messages, counts.wake_ups) == (2, 1, 2, 2)
    assert (counts.copies, counts.bytes_copied) == (4, 2 * 32 + 2 * 4112)
    assert (counts.traps, counts.ipcs, counts.payload) == (1, 0, 8 + 4096)


def test_build_of_a_message_through_the_kernel():
    walk = walked("MACH")
    assert legs_of(walk) == [
        ("request", "app", "kernel", "File.read", 48),
        ("request", "kernel", "files", "File.read", 48),
        ("reply", "files", "kernel", "reply", 142),
        ("reply", "kernel", "app", "reply", 142),
    ]
    assert (walk.legs[0].start, walk.legs[0].end) == (1000, 21000)
    counts = walk.counts
    assert (counts.crossings, counts.kernel_visits, counts.messages) == (4, 2, 2)
    assert counts.bytes_copied == 4 * 48 + 4 * 142
    assert (counts.ipcs, counts.traps, counts.payload) == (2, 0, 8 + 102)


def test_build_leaves_out_who_takes_no_part():
    walk = walked("MACH", 98_000)
    assert [lane.name for lane in walk.lanes] == ["app", "kernel", "files"]
    assert walk.counts.wake_ups == 3  # not the clock's, and not the one after the end


def test_build_of_a_server_in_a_kernel_that_passes_messages_is_a_trap():
    walk = walked("HOSTING")
    assert [leg[:3] for leg in legs_of(walk)] == [("request", "app", "disk"), ("reply", "disk", "app")]
    assert (walk.counts.traps, walk.counts.ipcs, walk.counts.messages) == (1, 0, 2)


def test_build_of_messages_taken_after_the_end_counts_but_does_not_draw_them():
    late = [*canned.LIBRARY_EVENTS, *events((20_000, "library", 1, "close", "x", 40, 40))]
    walk = build("library", "f", late, canned.LIBRARY, BEGIN, BEGIN + 10_000)
    assert walk.counts.crossings == 1
    assert all(mark.at <= 10_000 for mark in walk.marks)


def test_build_of_nothing_is_the_program_alone():
    walk = build("library", "f", [], canned.LIBRARY, BEGIN, BEGIN + 500)
    assert ([lane.name for lane in walk.lanes], walk.legs, walk.total) == (["app"], (), 500)
