"""What nobody means to type, and standard streams that are not there."""

import os
import subprocess

import pytest
from live import environment, launched, microlith
from test_main_command import COMMAND


@pytest.mark.parametrize("words", [("plan", "a" * 5000), ("call", "files.list", "--within", "nan"),
                                   ("call", "files.list", "--within", "inf"), ("compare", "--tree", "")])  # fmt: skip
def test_odd_words_are_one_sentence(words):
    done = subprocess.run(
        [*COMMAND, *words], env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 300


def test_closed_standard_output_is_one_sentence():
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "ps"],
        env=environment(), stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "microlith: standard output or standard error is closed\n"


@pytest.mark.parametrize("architecture", ["library", "monolith", "mach"])
def test_program_whose_reader_went_away_ends_as_a_shell_has_it(architecture):
    with launched("unix", architecture):
        microlith("call", "files.mkdir", "/below")
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [*COMMAND, "run", "list", "/"],
            env=environment(), stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
        os.close(writer)
        status, out, _ = microlith("run", "list", "/")  # a library OS lives on, and its next program is heard
        assert status == 0 and "below" in out
    assert (done.returncode, done.stderr) == (141, "")
