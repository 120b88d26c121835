"""`microlith new server`: what it writes works as it is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from microlith import kinds
from microlith.command.main import main

ROOT = Path(kinds.__file__).parents[1]


@pytest.fixture
def new(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["new", "server", *arguments], prog_name="microlith")
        printed = capsys.readouterr()
        return end.value.code, printed.out, printed.err

    return run


def run_tool(*arguments: str):
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_new_server_is_tested_and_planned(new):
    status, out, _ = new("ring_counter")
    assert (status, out) == (0, "ring_counter.py\nring_counter.toml\ntest_ring_counter.py\n")
    tested = run_tool("pytest", "-q", "-p", "no:cacheprovider", "test_ring_counter.py")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "3 passed" in tested.stdout
    planned = run_tool("microlith.command.main", "plan", "ring_counter.toml")
    assert planned.returncode == 0, planned.stderr
    linted = run_tool("ruff", "check", "--config", str(ROOT / "pyproject.toml"), "ring_counter.py")
    assert linted.returncode == 0 or "No module named" in linted.stderr, linted.stdout


def test_new_server_in_a_folder(new):
    assert new("mine", "--into", "deep/folder", "--json")[0] == 0
    assert sorted(p.name for p in Path("deep/folder").iterdir()) == ["mine.py", "mine.toml", "test_mine.py"]


@pytest.mark.parametrize("there", ["mine.py", "mine.toml", "test_mine.py"])
def test_new_server_overwrites_nothing(there, new):
    Path(there).write_text("precious")
    said = f"microlith: {there} exists already; remove it, or take another name or folder\n"
    assert new("mine") == (2, "", said)
    assert Path(there).read_text() == "precious"
    assert [p.name for p in Path().iterdir()] == [there]


@pytest.mark.parametrize("name", ["Mine", "1", "a-b", "", "a/b", "class", "operator", "random", "servers", "json"])
def test_new_server_bad_name(name, new):
    status, out, err = new(name)
    assert (status, out) == (2, "") and err.startswith(f"microlith: server name {name!r} ")
    assert not any(Path().iterdir())


def test_new_server_folder_that_cannot_be(new):
    Path("file").touch()
    status, _, err = new("mine", "--into", "file/x")
    assert status == 2 and "file/x" in err and err.count("\n") == 1
