"""Benchmarks of single operations, for the one who works on a path: `pytest bench --benchmark-only`.

They are not part of the test suite and assert nothing about time.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from bench.subject import default_system
from microlith.kinds import ARCHITECTURES
from microlith.launch.boot import boot

PAYLOAD = b"x" * 4096


@pytest.fixture(scope="module", params=ARCHITECTURES)
def files(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A file server of each architecture, called from here: across a border in all of them."""
    with boot(default_system(0), request.param) as machine:
        yield machine.connect("files")


def test_null_call(benchmark: Any, files: Any) -> None:
    """Nothing, through the whole path."""
    benchmark(files.ping)


def test_stat(benchmark: Any, files: Any) -> None:
    """A path and a structure."""
    benchmark(files.stat, b"/")


def test_read_4k(benchmark: Any, files: Any) -> None:
    """Four kibibytes out of the cache."""
    file = files.create(b"/read")
    file.write(0, PAYLOAD)
    assert benchmark(file.read, 0, len(PAYLOAD)) == PAYLOAD


def test_write_4k(benchmark: Any, files: Any) -> None:
    """Four kibibytes into the cache."""
    file = files.create(b"/write")
    assert benchmark(file.write, 0, PAYLOAD) == len(PAYLOAD)
