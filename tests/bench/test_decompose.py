"""Path and transport, apart, and the dial: the arithmetic and its words, on made numbers."""

import math
import random
from xml.etree import ElementTree

import pytest

from bench.about import about
from bench.decompose.dial import ARCHITECTURES, HOPS, WORKS, Dialled
from bench.decompose.factors import RATIOS, SQUARE, average, factors
from bench.decompose.line import least_squares, line
from bench.decompose.records import dialled, squared
from bench.decompose.report import WIDTH, report
from bench.decompose.square import COUNTED, Square
from bench.decompose.svg import svg
from bench.decompose.turns import Side
from bench.records import NotExact, Recorder

CROSSINGS = {"kernel": 4, "peer": 2}
TRANSPORT = {"zmq": 5.0, "socket": 2.0, "shared": 1.0}


def made(path=lambda transport: 2.0, levels=(10.0, 25.0, 17.0), noise=lambda: 1.0):
    """Rounds of times in which the kernel on the path costs `path(transport)` times, and ZeroMQ five times."""
    return [
        {
            variant: level * TRANSPORT[transport] * (path(transport) if on == "kernel" else 1) * noise()
            for variant in SQUARE
            for on, transport in [variant.split("-")]
        }
        for level in levels
    ]


def values(rounds):
    return {name: found.value for name, found in factors(rounds, 1).items()}


def test_known_factors_come_out_exactly_whatever_the_rounds_drift():
    found = factors(made(), 1)
    expected = {
        "in all": 10,
        "path": 2,
        "transport": 5,
        "interaction": 1,
        "share of path": math.log(2) / math.log(10),
        "path, first": 2,
        "path, second": 2,
        "transport, first": 5,
        "transport, second": 5,
        "path over socket": 2,
    }
    assert {name: one.value for name, one in found.items()} == pytest.approx(expected)
    assert {name: one.low for name, one in found.items()} == pytest.approx(expected)
    assert {name: one.high for name, one in found.items()} == pytest.approx(expected)
    assert {one.n for one in found.values()} == {3}


def test_path_is_not_transport():
    """Only what goes through the kernel takes three times as long; then only what goes over zmq."""
    assert values([{v: 3.0 if v.startswith("kernel") else 1.0 for v in SQUARE}]) == pytest.approx(
        dict.fromkeys(("in all", "path", "path, first", "path, second", "path over socket"), 3)
        | dict.fromkeys(("transport", "transport, first", "transport, second", "interaction", "share of path"), 1)
    )
    assert values([{v: 3.0 if v.endswith("zmq") else 1.0 for v in SQUARE}]) == pytest.approx(
        dict.fromkeys(("in all", "transport", "transport, first", "transport, second"), 3)
        | dict.fromkeys(("path", "path, first", "path, second", "path over socket", "interaction"), 1)
        | {"share of path": 0}
    )


def test_orders_that_disagree_are_told_and_shared_out():
    found = values(made(lambda transport: {"zmq": 2.0, "socket": 3.0, "shared": 8.0}[transport]))
    assert (found["path, first"], found["transport, second"]) == pytest.approx((2, 5))
    assert (found["transport, first"], found["path, second"]) == pytest.approx((1.25, 8))
    assert (found["path"], found["transport"]) == pytest.approx((4, 2.5))
    assert (found["interaction"], found["path over socket"]) == pytest.approx((0.25, 3))


def test_factors_of_noisy_rounds_multiply_to_the_whole_and_hold_the_truth():
    chance = random.Random(3)
    rounds = made(levels=[chance.uniform(5, 50) for _ in range(20)], noise=lambda: chance.lognormvariate(0, 0.1))
    found = factors(rounds, 1)
    whole = found["in all"].value
    for one, other in (
        ("path", "transport"),
        ("path, first", "transport, second"),
        ("transport, first", "path, second"),
    ):
        assert found[one].value * found[other].value == pytest.approx(whole)
    for name, truth in (("in all", 10), ("path", 2), ("transport", 5), ("interaction", 1)):
        assert found[name].low < truth < found[name].high
    for above, below in RATIOS.values():
        square = average(rounds, above, 1).value / average(rounds, below, 1).value
        assert square == pytest.approx(values(rounds)[next(n for n, p in RATIOS.items() if p == (above, below))])


def test_no_difference_has_no_parts():
    assert "share of path" not in factors([dict.fromkeys(SQUARE, 7.0)] * 3, 1)


def test_line_of_made_numbers_is_exact_though_turns_drift():
    found = line([{hop: start + 16 * hop for hop in HOPS} for start in (600.0, 900.0, 700.0)], 1)
    assert (found.slope.value, found.slope.low, found.slope.high) == pytest.approx((16, 16, 16))
    assert (found.start.value, found.start.low, found.start.high) == pytest.approx((650, 600, 900))
    assert {hop: point.value for hop, point in found.points.items()} == pytest.approx({h: 650 + 16 * h for h in HOPS})
    assert (found.r_squared, found.residual) == pytest.approx((1, 0))


def test_line_of_noisy_turns_holds_the_slope_and_one_wild_turn_does_not_move_it():
    chance = random.Random(5)
    turns = [{hop: chance.gauss(100 + 4 * hop, 3) for hop in HOPS} for _ in range(25)]
    turns.append({hop: 100 + 40 * hop for hop in HOPS})
    found = line(turns, 1)
    assert 3.9 < found.slope.low < 4 < found.slope.high < 4.1
    assert 0.999 < found.r_squared < 1


def test_curve_is_seen_in_its_residual():
    found = line([{0.0: 0.0, 50.0: 300.0, 100.0: 400.0}], 1)
    assert found.residual == pytest.approx(200 / 3)
    assert found.r_squared == pytest.approx(12 / 13)


def test_line_needs_two_hops():
    with pytest.raises(ValueError, match="two points"):
        least_squares({1.0: 2.0})


def test_side_is_dialled_on_all_links():
    assert (Side("l4").links, Side("l4", 2.5).links) == ({}, {"*": "hop:2.5"})


# --- words ---------------------------------------------------------------------------------------------


def square(times):
    """A round with these times of a null call, all else alike."""
    counts = {
        variant: {"crossings": CROSSINGS[variant.split("-")[0]], "kernel_visits": 0, "messages": 2, "bytes_copied": 9}
        for variant in SQUARE
    }
    return Square(
        times=dict.fromkeys(("null_call", "copy_in"), times),
        counts=dict.fromkeys(COUNTED, counts),
        wake_ups=dict.fromkeys(COUNTED, dict.fromkeys(SQUARE, 1.5)),
    )


def dial(name, slope, crossings):
    turns = [{hop: start + slope * hop for hop in HOPS} for start in (100.0, 101.0)]
    return Dialled(name, dict.fromkeys(WORKS, turns), {work: {crossings} for work in WORKS})


def document(rounds, slopes):
    recorder = Recorder(1, {}, {})
    squared(recorder, [square(one) for one in rounds], "free")
    for name in ARCHITECTURES:
        dialled(recorder, [dial(name, slopes[name], 4 if name == "mach" else 2)])
    tree = {"source": "/", "files": 3, "bytes": 4096}
    facts = about("free", 1, system="made", tree=tree, rounds=len(rounds), dials=1, wrong=[])
    return {"about": facts, "records": recorder.records}


def said(text):
    return " ".join(text.split())


def test_report_names_path_and_transport_and_whether_counts_are_the_slope():
    made_of_it = report(document(made(), {"mach": 4.0, "l4": 2.5}))
    assert max(map(len, made_of_it.splitlines())) <= WIDTH
    text = said(made_of_it)
    assert "null call: l4 is 10.0 [10.0, 10.0] times as fast as mach: the kernel on the path is a factor of" in text
    assert "factor of 2.00 [2.00, 2.00] of it, the transport one of 5.00 [5.00, 5.00]; the path is 30.1" in text
    assert "a null call crosses 4 borders through the kernel and 2 to the peer, 2 times as many" in text
    assert "n by the slope 4.000 [4.000, 4.000], n counted 4: within it (+0.0 %)" in text
    assert "n by the slope 2.500 [2.500, 2.500], n counted 2: outside it (+25.0 %)" in text
    assert "3 of 6 slopes lie above their counts" in text


def test_report_says_which_transport_makes_the_kernel_dearer():
    text = said(report(document(made(lambda t: 8.0 if t == "shared" else 2.0), {"mach": 4.0, "l4": 2.0})))
    assert "as long over zmq, 8.00 [8.00, 8.00] over shared memory: dearer over shared memory, so the order" in text


def test_report_of_no_difference_shares_nothing_out():
    text = said(report(document([dict.fromkeys(SQUARE, 7.0)] * 3, {"mach": 4.0, "l4": 2.0})))
    assert "so there is nothing to share out" in text
    assert "of the logarithm" not in text
    assert "lie above" not in text


def test_counts_that_change_are_refused():
    rounds = [square(one) for one in made()]
    rounds[1].counts = {**rounds[1].counts, "read_4k": {v: {**c, "crossings": 5} for v, c in _counts(rounds).items()}}
    with pytest.raises(NotExact, match="kernel-zmq: crossings of read_4k"):
        squared(Recorder(1, {}, {}), rounds, "free")


def _counts(rounds):
    return rounds[0].counts["read_4k"]


def test_picture_has_a_line_and_all_points_of_both():
    root = ElementTree.fromstring(svg(document(made(), {"mach": 4.0, "l4": 2.0})))
    space = "{http://www.w3.org/2000/svg}"
    for name in ARCHITECTURES:
        assert len(root.findall(f"{space}circle[@class='{name}']")) == len(WORKS) * len(HOPS)
        assert len(root.findall(f"{space}path[@class='{name}']")) == len(WORKS)
    words = [text.text for text in root.iter(f"{space}text")]
    assert "l4: 2.000 [2.000, 2.000] crossings by the slope, 2 counted" in words
