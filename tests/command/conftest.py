"""What the tests of the commands share."""

import pytest

from tests.command import live


@pytest.fixture
def system(tmp_path):
    """A system file with the parts of the tests; a path."""
    path = tmp_path / "sys.toml"
    path.write_text(live.SYSTEM)
    return path


@pytest.fixture
def one(tmp_path):
    """A system file with one server of that class; a path."""

    def make(cls):
        path = tmp_path / "one.toml"
        path.write_text(live.ONE.format(name="cell", cls=cls))
        return path

    return make
