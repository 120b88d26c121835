"""Every promise of SPECIFICATION.md names what shows it, and that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SPECIFICATION.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[^`]*)`", TEXT)))


@pytest.mark.parametrize("named", NAMED)
def test_named_test_exists(named):
    path, _, name = named.partition("::")
    assert (ROOT / path).exists(), named
    if name:
        assert re.search(rf"^def {name}\b", (ROOT / path).read_text(), re.MULTILINE), named


def test_named_modules_can_be_run():
    for module in re.findall(r"`python -m ([\w.]+)", TEXT):
        assert (ROOT / (module.replace(".", "/") + ".py")).exists(), module


def test_every_row_names_something():
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    assert len(rows) > 20
    assert all(line.count("`") >= 2 for line in rows)
