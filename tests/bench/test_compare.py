"""A real comparison, small: every record is there, and the counts are what the architectures say."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench.comparison import compare
from bench.kills import OUTCOMES, orders
from bench.options import Options
from bench.phases import control_of
from bench.placement import Placement
from bench.probes import CLIENTS, Length, places
from bench.report import WIDTH, report
from bench.rounds import schedule
from bench.subject import copy_sparse, default_system
from microlith.interface.status import UsageError

METRICS = {
    *("null_call", "stat", "read_4k", "write_4k", "tree_write", "tree_read", "boot", "processes", "domains"),
    *("memory", "crossings", "kernel_visits", "messages", "bytes_copied", "wake_ups", "recovery", "failed_apps"),
    *("lost_writes", "control_ratio", "interrupt", "bulk_1m", "calls_per_s"),
}
NAMES = ("library", "monolith", "mach", "l4")
LENGTH = Length(interrupts=20, window_s=0.05, operations=20)
EXACT = ("crossings", "kernel_visits", "messages", "bytes_copied")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """40 small files, so that a kill finds the copy at work."""
    root = tmp_path_factory.mktemp("tree")
    for number in range(40):
        (root / f"file{number}").write_bytes(os.urandom(100 * number))
    (root / "more").mkdir()
    (root / "more" / "megabytes").write_bytes(os.urandom(3 << 20))  # pushes the cold files out of the cache
    return root


@pytest.fixture(scope="module")
def document(tree):
    """The document of one comparison."""
    few = {"rounds": 2, "tree_rounds": 2, "operations": 50, "probes": 2, "length": LENGTH, "kills": 1}
    return compare(Options(architectures=list(NAMES), tree=str(tree), seed=3, budget_s=1000, **few))


@pytest.fixture(scope="module")
def values(document):
    """(architecture, metric, operation) -> value."""
    found = {}
    for record in document["records"]:
        key = (record["architecture"], record["metric"], record["conditions"].get("operation"))
        found.setdefault(key, record["value"])
    return found


def test_every_metric_is_there_for_every_architecture(document):
    for name in NAMES:
        found = {record["metric"] for record in document["records"] if record["architecture"] == name}
        assert METRICS - {"control_ratio"} <= found
    assert {record["metric"] for record in document["records"]} == METRICS


def test_records_have_the_form(document):
    for record in document["records"]:
        assert set(record) == {"architecture", "metric", "value", "unit", "n", "low", "high", "conditions"}
        assert record["low"] <= record["value"] <= record["high"]
        assert record["n"] >= 1
        assert record["conditions"]["placement"] == "free" or record["metric"] == "null_call"
        assert {"path", "transport"} <= set(record["conditions"])
    json.dumps(document)


@pytest.mark.parametrize(
    ("name", "null_call", "uncached"),
    [("library", (0, 0), 0), ("monolith", (2, 1), 2), ("mach", (4, 2), 8), ("l4", (2, 0), 4)],
)
def test_counts_are_those_of_the_architecture(values, name, null_call, uncached):
    found = (values[name, "crossings", "null_call"], values[name, "kernel_visits", "null_call"])
    assert found == null_call
    assert values[name, "crossings", "read_4k"] == null_call[0]
    assert values[name, "crossings", "read_4k_uncached"] == uncached
    assert values[name, "kernel_visits", "read_4k_uncached"] == (null_call[1] if name != "mach" else 4)
    assert values[name, "messages", "null_call"] == (0 if name == "library" else 2)


def test_counts_are_exact_over_repetitions(document):
    for record in document["records"]:
        if record["metric"] in EXACT:
            assert record["conditions"]["exact"] is True
            assert record["low"] == record["value"] == record["high"]
            assert record["n"] == 2 * 3  # rounds, repetitions: unequal ones would have been refused
        if record["metric"] == "wake_ups":
            assert record["conditions"]["exact"] is False


def test_bytes_copied_count_the_payload_once_for_each_copy(values):
    assert values["library", "bytes_copied", "read_4k"] == 0
    for name in ("monolith", "l4"):
        assert 2 * 4096 < values[name, "bytes_copied", "read_4k"] < 2 * 4096 + 500
    assert 4 * 4096 < values["mach", "bytes_copied", "read_4k"] < 4 * 4096 + 1000


def conditions(document, name, metric):
    """Value, n and conditions of every record of a metric."""
    found = [r for r in document["records"] if (r["architecture"], r["metric"]) == (name, metric)]
    return [(r["value"], r["n"], r["conditions"]) for r in found]


@pytest.mark.parametrize("name", NAMES)
def test_interrupts_are_measured_idle_and_under_load(document, name):
    found = {(c["load"], c["statistic"]): (value, n) for value, n, c in conditions(document, name, "interrupt")}
    assert set(found) == {(load, statistic) for load in ("idle", "calls") for statistic in ("p50", "p99")}
    assert all(value > 0 and n == 2 * LENGTH.interrupts for value, n in found.values())
    assert all(found[load, "p50"][0] <= found[load, "p99"][0] for load in ("idle", "calls"))


@pytest.mark.parametrize("name", NAMES)
def test_null_call_is_measured_in_every_placement(document, name):
    found = {(c["placement"], c["statistic"]) for _, _, c in conditions(document, name, "null_call")}
    there = {"free", *(place.name for place in places(Placement()))}
    assert found == {(place, statistic) for place in there for statistic in ("p50", "p99")}


@pytest.mark.parametrize(("name", "clients"), [("library", (1,)), *((name, CLIENTS) for name in NAMES[1:])])
def test_clients_call_together_where_programs_can(document, name, clients):
    found = {c["clients"]: value for value, _, c in conditions(document, name, "calls_per_s")}
    assert tuple(found) == clients
    assert all(value > 0 for value in found.values())


@pytest.mark.parametrize("name", NAMES)
def test_mebibyte_out_of_the_cache_is_verified(document, name):
    ((value, _, given),) = conditions(document, name, "bulk_1m")
    assert value > 0
    assert given["verified"] is True
    assert given["payload"] == 1 << 20


def test_control_is_what_has_most_domains():
    assert control_of(["monolith", "mach", "library"], default_system(0)) == "mach"
    assert control_of(["library", "monolith"], default_system(0)) == "library"


def test_what_was_read_back_was_verified_and_nothing_synced_was_lost(document, values):
    assert document["about"]["wrong"] == []
    assert all(values[name, "lost_writes", None] == 0 for name in NAMES)


def test_kill_takes_down_one_address_space_and_no_microkernel(document, values):
    for name in ("library", "monolith"):
        assert values[name, "failed_apps", None] == 1
        assert document["outcomes"][name]["crash of the whole"]["count"] == 1
    for name in ("mach", "l4"):
        assert values[name, "failed_apps", None] == 0
        assert document["outcomes"][name]["masked"]["count"] + document["outcomes"][name]["recovered"]["count"] == 1
    assert all(tuple(table) == OUTCOMES for table in document["outcomes"].values())


def test_report_of_it_fits(document):
    made = report(document)
    assert max(map(len, made.splitlines())) <= WIDTH
    assert "kernel_lines" in document["about"]


def test_schedule_is_shuffled_complete_and_the_same_under_a_seed():
    order = schedule(["a", "b"], "b", 5, 1)
    assert order == schedule(["a", "b"], "b", 5, 1)
    assert order != schedule(["a", "b"], "b", 5, 2)
    for start in range(0, 15, 3):
        assert sorted(order[start : start + 3]) == [("a", "a"), ("b", "b"), ("b again", "b")]


def test_kills_come_in_the_middle_and_the_same_under_a_seed():
    assert orders(50, 100, 1) == orders(50, 100, 1)
    assert all(25 <= after <= 75 for after in orders(50, 100, 1))
    assert orders(1, 1, 1) == [1]


def test_copy_sparse_keeps_content_and_holes(tmp_path):
    with open(tmp_path / "a", "wb") as file:
        file.truncate(8 << 20)
        file.seek(3 << 20)
        file.write(b"data" * 5000)
    copy_sparse(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "b").stat().st_blocks <= 256


def test_tree_that_does_not_fit_the_disk_is_refused(tree, tmp_path):
    from microlith.system.system import System
    from servers.minix.files import MinixFiles
    from servers.ramdisk import RamDisk

    small = System("small").server("disk", RamDisk, blocks=2000).server("files", MinixFiles, disk="disk")
    with pytest.raises(UsageError, match="the tree needs about"):
        compare(Options(system=small, tree=str(tree), architectures=["library"]))


def command(*arguments, **options):
    """The command, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "microlith.command.main", "compare", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--as", "nope"], "no architecture is called 'nope'"),
        (["--as", "mach,mach"], "--as names mach twice"),
        (["--tree", "/nonexistent"], "does not exist"),
        (["nosuchsystem"], "no system is called"),
        (["--json", "/nonexistent/x"], "cannot be written"),
    ],
)
def test_mistakes_end_in_one_sentence_and_status_2(arguments, words):
    with command(*arguments) as process:
        out, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert out == ""
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_comparison_leaves_nothing(tree, tmp_path, number):
    with command("--tree", str(tree), env={**os.environ, "TMPDIR": str(tmp_path)}) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "round 1" in line and "(1 of" in line:
                break
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == 130
    assert list(Path(tmp_path).iterdir()) == []
    until = time.monotonic() + 5
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in started) and time.monotonic() < until:
        time.sleep(0.05)
    assert not [p for p in started if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
