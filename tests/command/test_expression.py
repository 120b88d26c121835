"""Calls as expressions to words."""

import pytest

from microlith.command.expression import words_of
from microlith.interface.status import UsageError


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["files.list", "/"], ["files.list", "/"]),
        (["files.list"], ["files.list"]),
        (["files.create /motd .write 0 'hello you'"], ["files.create", "/motd", ".write", "0", "hello you"]),
        (["files.create('/motd').write(0, \"hello\")"], ["files.create", "/motd", ".write", "0", "hello"]),
        (["files.usage()"], ["files.usage"]),
        (["files.stat(path=b'/motd', follow=False)"], ["files.stat", "path=/motd", "follow=false"]),
        (["menu.points([[1, 'a']], maybe=None)"], ["menu.points", '[[1, "a"]]', "maybe=null"]),
        (["menu.echo('@home', -3)"], ["menu.echo", "@@home", "-3"]),
        (["menu.other(cell)"], ["menu.other", "cell"]),
        (["menu.echo(b'\\xff')"], ["menu.echo", "\udcff"]),
        (["menu.echo (a)"], ["menu.echo", "(a)"]),
    ],
)
def test_words_of(given, words):
    assert words_of(given) == words


@pytest.mark.parametrize("given", ["files.list(", "files(1)", "f.g(*a)", "f.g(**a)", "f.g(1 + x)", "f.g(h.i())", ""])
def test_words_of_what_is_no_call_is_refused(given):
    with pytest.raises(UsageError, match="write for example"):
        words_of([given])


def test_words_of_an_open_quotation_is_refused():
    with pytest.raises(UsageError, match="no closing quotation"):
        words_of(["files.list '/"])
