"""A real run of `microlith compare --decompose --quick`, and the mistakes it refuses."""

import json
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from bench.decompose.dial import ARCHITECTURES, HOPS, WORKS
from bench.decompose.factors import RATIOS, SQUARE
from bench.decompose.square import COUNTED

#: Of a slope, on a machine that other tests share: what takes longer is disturbed more.
TOLERANCE = {"null_call": 0.25, "sync": 0.5, "create_write_sync": 1.0}
OPERATIONS = {"null_call", "read_4k", "copy_in"}


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "microlith.command.main", "compare", "--decompose", *arguments],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One run: what it printed, its document, its picture."""
    folder = tmp_path_factory.mktemp("decompose")
    done = command("--quick", "--json", str(folder / "it.json"), "--svg", str(folder / "it.svg"))
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads((folder / "it.json").read_text()), (folder / "it.svg").read_text()


def found(document, metric):
    """(architecture, operation, factor or hop) -> record."""
    return {
        (r["architecture"], r["conditions"]["operation"], r["conditions"].get("of", r["conditions"].get("hop_us"))): r
        for r in document["records"]
        if r["metric"] == metric
    }


def test_square_is_measured_and_taken_apart(run):
    _, document, _ = run
    times, factors = found(document, "time"), found(document, "factor")
    assert {(name, operation) for name, operation, _ in times} == {(v, o) for v in SQUARE for o in OPERATIONS}
    assert all(0 < r["low"] <= r["value"] <= r["high"] and r["n"] >= 2 for r in times.values())
    for operation in OPERATIONS:
        assert {of for _, o, of in factors if o == operation} - {"share of path"} == {
            *RATIOS, "path", "transport", "interaction"
        }  # fmt: skip
        whole, path, transport = (factors["l4", operation, of]["value"] for of in ("in all", "path", "transport"))
        assert path * transport == pytest.approx(whole, rel=1e-3)
        mach, l4 = (times[name, operation, None]["value"] for name in ("kernel-zmq", "peer-shared"))
        assert mach / l4 == pytest.approx(whole, rel=1e-3)


def test_counts_are_those_of_the_path_whatever_the_transport(run):
    _, document, _ = run
    crossings, visits = found(document, "crossings"), found(document, "kernel_visits")
    assert {operation for _, operation, _ in crossings} == set(COUNTED)
    for variant in SQUARE:
        kernel = variant.startswith("kernel")
        assert crossings[variant, "null_call", None]["value"] == (4 if kernel else 2)
        assert visits[variant, "null_call", None]["value"] == (2 if kernel else 0)
        assert crossings[variant, "create_write_sync", None]["value"] == (32 if kernel else 16)


def test_slope_of_the_dial_is_what_was_counted(run):
    _, document, _ = run
    points, slopes = found(document, "dialled"), found(document, "dial_slope")
    assert {(name, work) for name, work, _ in slopes} == {(name, work) for name in ARCHITECTURES for work in WORKS}
    counted = {"mach": {"null_call": 4, "sync": 8, "create_write_sync": 32}}
    counted["l4"] = {work: n // 2 for work, n in counted["mach"].items()}
    for (name, work, _), slope in slopes.items():
        n = slope["conditions"]["counted"]
        assert n == counted[name][work]
        assert slope["low"] <= n * (1 + TOLERANCE[work]), slope
        assert slope["high"] >= n * (1 - TOLERANCE[work]), slope
        assert slope["conditions"]["within"] == (slope["low"] <= n <= slope["high"])
        times = [points[name, work, hop]["value"] for hop in HOPS]
        assert max(times) == times[-1] > times[0]


def test_report_and_picture_of_it(run):
    printed, document, picture = run
    assert max(map(len, printed.splitlines())) <= 80
    for word in ("null call, microseconds", "first the path", "fair share of the path", "n by the slope"):
        assert word in printed
    assert document["about"]["rounds"] >= 2
    assert document["about"]["dials"] >= 2
    assert document["about"]["wrong"] == []
    assert ElementTree.fromstring(picture).tag.endswith("svg")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--as", "mach"], "--decompose takes no --as: it measures kernel and peer over zmq, socket and shared"),
        (["--kills", "3"], "--decompose takes no --kills: it kills nobody"),
        (["--svg", "/nonexistent/x"], "--svg /nonexistent/x: cannot be written"),
        (["--tree", "/nonexistent"], "--tree /nonexistent: does not exist"),
        (["nosuchsystem"], "no system is called"),
    ],
)
def test_mistakes_end_in_one_sentence_and_status_2(arguments, words):
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_picture_without_decompose_is_refused():
    done = subprocess.run(
        [sys.executable, "-m", "microlith.command.main", "compare", "--svg", "x"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "--svg draws what --decompose measures; give both" in done.stderr
