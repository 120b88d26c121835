"""The plans of the ready systems in every architecture, as files that a reader can look at.

After a wanted change: `MICROLITH_GOLDEN=write pytest tests/plan`, then read the difference.
"""

import os
from pathlib import Path

import pytest

from microlith import kinds
from microlith.plan import draw
from microlith.plan.group import grouped
from microlith.plan.transfer import from_json, from_plain, to_json, to_plain
from microlith.system.check import check
from microlith.system.document import ready_systems
from microlith.system.systemfile import load

GOLDEN = Path(__file__).with_name("golden")
CASES = [(system, architecture) for system in ready_systems() for architecture in kinds.ARCHITECTURES]


@pytest.fixture
def plan(request, tmp_path, monkeypatch):
    (tmp_path / "my.img").touch()
    monkeypatch.setenv("MICROLITH_DISK", str(tmp_path / "my.img"))
    name, architecture = request.param
    system = load(name)
    check(system)
    return kinds.architecture(architecture)(system)


def compare(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("MICROLITH_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("plan", CASES, indirect=True, ids="-".join)
def test_plan_as_text(plan):
    compare(f"{plan.system}-{plan.architecture}.txt", draw.text(plan))


@pytest.mark.parametrize("plan", [("unix", "mach"), ("disk", "mach")], indirect=True, ids="-".join)
def test_plan_with_groups_as_text(plan):
    groups = (("files", "disk"),) if plan.system == "disk" else (("disk", "files"), ("names", "clock", "log"))
    compare(f"{plan.system}-{plan.architecture}-grouped.txt", draw.text(grouped(plan, groups)))


@pytest.mark.parametrize("plan", CASES, indirect=True, ids="-".join)
def test_plan_as_mermaid(plan):
    compare(f"{plan.system}-{plan.architecture}.mmd", draw.mermaid(plan))


@pytest.mark.parametrize("plan", CASES, indirect=True, ids="-".join)
def test_plan_as_json_and_back(plan):
    assert from_json(to_json(plan)) == plan
    assert from_plain(to_plain(plan)) == plan
