"""`microlith walk`."""

import json
import subprocess
from xml.etree import ElementTree

import pytest

from tests.command.live import COMMAND, environment, microlith

MANY = "files.open /motd .read 0 5"
BEFORE = ("--before", "files.create('/motd').write(0, 'hello')")


def test_walk_draws_counts_and_predicts(tmp_path):
    picture = tmp_path / "walk.svg"
    status, out, err = microlith("walk", "unix", MANY, *BEFORE, "--as", "library,mach", "--svg", picture, "--prices")
    assert status == 0, err
    assert "as library:" in out
    assert "as mach:" in out
    assert "File.read" in out
    assert "border crossings" in out
    assert "seL4" in out
    assert "count the same as library, mach" in out
    assert max(map(len, out.splitlines())) <= 120
    assert err.splitlines()[-1] == f"microlith: walking {MANY} as mach (1 of 2 done)"
    ElementTree.parse(picture)


def test_walk_as_json_holds_legs_and_counts():
    status, out, err = microlith("walk", "unix", "files.stat", "/", "--as", "monolith", "--json")
    assert status == 0, err
    (walk,) = json.loads(out)["walks"]
    assert [lane["name"] for lane in walk["lanes"]] == ["app", "files"]
    assert (walk["counts"]["crossings"], walk["counts"]["traps"]) == (2, 1)
    assert [leg["kind"] for leg in walk["legs"]] == ["request", "reply"]


def test_walk_with_prices_of_ones_own(tmp_path):
    prices = tmp_path / "prices.toml"
    prices.write_text('[[kernel]]\nname = "mine"\ntrap = { ns = 1000, standing = "published", source = "me" }\n')
    status, out, err = microlith(
        "walk", "unix", "files.ping", "--as", "monolith", "--json", "--prices", prices
    )  # fmt: skip
    assert status == 0, err
    (kernel,) = json.loads(out)["prices"]
    assert kernel["predicted_ns"] == {"monolith": 1000}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["unix", "files.reed", "/"], "has no operation 'reed'"),
        (["unix", "fils.list", "/"], "no server 'fils'"),
        (["unix", "files.list", "/", "--as", "mach,nix"], "no architecture is called 'nix'"),
        (["unix", "files.list("], "no chain of calls"),
        (["unix", "files.list", "/", "--before", "files.nix"], "has no operation 'nix'"),
        (["unix", "files.list", "/", "--svg", "/no/such/walk.svg"], "there is no directory"),
        (["unix", "files.list", "/", "--prices", "/no/such.toml"], "cannot be read"),
        (["nix", "files.list", "/"], "nix"),
        (["unix", "files.stat", "/no", "--as", "library"], "FileSystem.stat answered NotFound"),
    ],
)
def test_walk_of_a_mistake_is_one_sentence(arguments, words):
    status, out, err = microlith("walk", *arguments)
    assert (status, out) == (2, "")
    assert words in err.splitlines()[-1]
    assert len([line for line in err.splitlines() if not line.startswith("microlith: walking")]) == 1


def test_walk_of_a_notify_is_refused(tmp_path):
    path = tmp_path / "sys.toml"
    path.write_text('[servers.bell]\nclass = "tests.walk.parts:BellServer"\n')
    status, _, err = microlith("walk", path, "bell.ring")
    assert status == 2
    assert "is a notify" in err


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("microlith walk un", ["unix"]),
        ("microlith walk unix clock.s", ["clock.sleep_until", "clock.sleep"]),
        ("microlith walk unix files.ping --as mach,l", ["mach,library", "mach,l4"]),
    ],
)
def test_completion_of_walk(words, offered):
    asked = {"_MICROLITH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = subprocess.run(COMMAND, env={**environment(), **asked}, capture_output=True, timeout=20, check=False)
    assert [line.partition(",")[2] for line in done.stdout.decode().splitlines()] == offered
