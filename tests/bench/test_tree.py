"""What is copied, what is left out, and what the judge notices."""

import os

import pytest

from bench.judge import wrong_entries, wrong_files
from bench.tree import LEAST_BYTES, LEAST_FILES, said, stage
from microlith.interface.status import UsageError


@pytest.fixture
def source(tmp_path):
    """A tree with everything odd in it."""
    root = tmp_path / "source"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "empty").write_bytes(b"")
    (root / "sub" / "file").write_bytes(b"data" * 1000)
    (root / ("n" * 61)).write_bytes(b"x")
    (root / ("n" * 60)).write_bytes(b"y")
    (root / "link").symlink_to("sub/file")
    (root / "dangling").symlink_to("/nonexistent")
    os.mkfifo(root / "fifo")
    return root


def stage_into(tmp_path, source):
    staged = tmp_path / "staged"
    staged.mkdir()
    return stage(None if source is None else str(source), staged), staged


def test_default_is_deterministic_and_large_enough(tmp_path):
    first, staged = stage_into(tmp_path, None)
    (tmp_path / "again").mkdir()
    second = stage(None, tmp_path / "again")
    assert first == second
    assert len(first.files) >= LEAST_FILES
    assert first.bytes >= LEAST_BYTES
    assert wrong_entries(first, staged) == []


def test_odd_entries_are_taken_or_left_out_and_said(tmp_path, source):
    tree, staged = stage_into(tmp_path, source)
    assert set(tree.files) == {"empty", "sub/file", "n" * 60}
    assert tree.links == {"link": "sub/file", "dangling": "/nonexistent"}
    assert tree.directories == ["sub", "sub/deep"]
    assert said(tree.left_out) == " (1 neither file nor directory, 1 with a name over 60 bytes left out)"
    assert wrong_entries(tree, staged) == []


def test_judge_sees_every_kind_of_difference(tmp_path, source):
    tree, staged = stage_into(tmp_path, source)
    (staged / "sub" / "file").write_bytes(b"Data" * 1000)
    (staged / "empty").unlink()
    (staged / "link").unlink()
    (staged / "sub" / "deep").rmdir()
    (staged / "more").write_bytes(b"")
    assert set(wrong_entries(tree, staged)) == {"sub/file", "empty", "link", "sub/deep", "more"}
    assert wrong_files(tree, staged, ["sub/file", "n" * 60]) == ["sub/file"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: None, "does not exist"),
        (lambda p: p.write_bytes(b""), "is not a directory"),
        (lambda p: p.mkdir(), "holds no file that can be copied"),
    ],
)
def test_tree_that_cannot_be_copied_is_refused_in_a_sentence(tmp_path, make, words):
    place = tmp_path / "given"
    make(place)
    with pytest.raises(UsageError, match=words):
        stage_into(tmp_path, place)


def test_tree_that_is_too_large_is_refused_before_it_is_copied(tmp_path):
    root = tmp_path / "big"
    root.mkdir()
    with open(root / "huge", "wb") as file:
        file.truncate(600 << 20)
    with pytest.raises(UsageError, match="choose a smaller tree"):
        stage_into(tmp_path, root)
    assert list((tmp_path / "staged").iterdir()) == []
