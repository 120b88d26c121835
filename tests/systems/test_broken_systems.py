"""One broken system file per message: its first line is the sentence that it must be refused with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from microlith import kinds
from microlith.command.main import main
from microlith.interface.status import UsageError
from microlith.system.check import check
from microlith.system.systemfile import load

BROKEN = Path(__file__).with_name("broken")
FILES = sorted(BROKEN.glob("*.toml"))
ROOT = Path(kinds.__file__).parents[1]


@pytest.fixture(autouse=True)
def folder(monkeypatch):
    """Sentences name the file as the operator did, here without a folder."""
    monkeypatch.chdir(BROKEN)
    monkeypatch.setattr(sys, "path", sys.path[:])


def expected(path: Path) -> str:
    first = path.read_text().splitlines()[0]
    assert first.startswith("# expect: ")
    return first.removeprefix("# expect: ").replace("{here}", str(BROKEN))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_check_broken_file(path):
    with pytest.raises(UsageError) as refused:
        check(load(path.name))
    assert str(refused.value) == expected(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_plan_command_broken_file(path, capsys):
    with pytest.raises(SystemExit) as end:
        main(["plan", path.name], prog_name="microlith")
    printed = capsys.readouterr()
    assert (end.value.code, printed.out, printed.err) == (2, "", f"microlith: {expected(path)}\n")


@pytest.mark.parametrize("name", ["cycle", "failing_module", "syntax"])
def test_plan_process_broken_file(name):
    path = BROKEN / f"{name}.toml"
    done = subprocess.run(
        [sys.executable, "-m", "microlith.command.main", "plan", path.name],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=BROKEN,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"microlith: {expected(path)}\n")


def test_broken_files_say_different_things():
    said = {expected(path).partition(":")[2].lstrip("0123456789: ") for path in FILES}
    assert len(said) > 0.9 * len(FILES)
