"""The benchmark of channels runs, judges and says what it leaves out; how fast it is, is no test's business."""

import os
import shutil

import pytest

from bench import channel_sides, pairs
from bench.channel_sides import NULL, ROUND_TRIP, measure
from bench.channels import BARS, missed, records
from bench.rest import at_rest

TWO = len(os.sched_getaffinity(0)) > 1 and os.uname().machine == "x86_64"


def test_every_side_is_measured_in_every_round():
    found, left_out = measure(rounds=2, operations=20, seed=1)
    assert all(len(values) == 2 and min(values) > 0 for values in found.values())
    assert ("l4", NULL, "same-core") in found
    assert {("pyzmq", ROUND_TRIP, place) for place in ("same-core", "free")} <= set(found)
    assert (("C eventfd", ROUND_TRIP, "same-core") in found) == (shutil.which("cc") is not None)
    assert (("raw spin", ROUND_TRIP, "spread") in found) == TWO
    peers = {record["conditions"]["peer"] for record in records(found, 2, 1) if "bar" in record["conditions"]}
    assert len(peers) + len(left_out) == len(BARS) or not TWO


def test_what_is_missing_is_left_out_with_a_sentence(monkeypatch):
    monkeypatch.setattr(pairs.shutil, "which", lambda _: None)
    monkeypatch.setattr(channel_sides, "busy_poll", lambda *_: None)
    found, left_out = measure(rounds=2, operations=20, seed=1)
    assert not {"C eventfd", "iceoryx2"} & {name for name, _, _ in found}
    assert any("no C compiler (cc)" in sentence for sentence in left_out)


@pytest.mark.parametrize(("metric", "value", "wrong"), [("ratio_to_peer", 3.1, True), ("times_faster", 2.9, True)])
def test_bar_is_missed_on_its_wrong_side_only(metric, value, wrong):
    record = {"metric": metric, "value": value, "conditions": {"bar": 3.0}}
    assert missed(record) == wrong
    assert not missed({**record, "value": 3.0})
    assert not missed({**record, "conditions": {}})


def test_ratio_is_of_the_same_rounds_at_the_best_placements():
    found = {
        ("l4", NULL, "spread"): [2.0, 4.0],
        ("l4", NULL, "free"): [3.0, 5.0],
        ("raw spin", ROUND_TRIP, "spread"): [1.0, 2.0],
        ("pyzmq", ROUND_TRIP, "free"): [40.0, 80.0],
        ("pyzmq", ROUND_TRIP, "same-core"): [50.0, 90.0],
    }
    ratios = {r["conditions"]["peer"]: r for r in records(found, 2, 1) if "bar" in r["conditions"]}
    assert ratios["raw spin"]["value"] == 2.0
    assert ratios["pyzmq"]["value"] == 20.0
    assert (ratios["pyzmq"]["conditions"]["placement"], ratios["pyzmq"]["conditions"]["of_peer"]) == ("spread", "free")


def test_idle_machine_hardly_uses_the_processor():
    """The bar is the benchmark's, one percent; a machine that polled would use a hundred."""
    assert 0 <= at_rest("l4", 0.5) < 10
