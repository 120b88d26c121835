"""Words of a command line to arguments, values to what is printed; and how chains are taken apart."""

import pytest

from microlith.command import values
from microlith.command.call import parse
from microlith.command.words import Slot, bind
from microlith.interface.status import UsageError
from tests.command.parts import Cell, Colour, Menu, Point

SLOTS = {"menu": Menu, "cell": Cell}


def arguments(operation, *words):
    return bind("menu", Menu.__operations__[operation], list(words), SLOTS)


@pytest.mark.parametrize(
    ("operation", "words", "expected"),
    [
        ("echo", ["häßlich"], ("häßlich".encode(), 1)),
        ("echo", ["a=b", "0x10"], (b"a=b", 16)),
        ("echo", ["times=-3", "@@home"], (b"@home", -3)),
        ("echo", ["data=times=1"], (b"times=1", 1)),
        ("odd", ["RED", "yes"], (Colour.RED, True)),
        ("odd", ["blue", "yes=false"], (Colour.DARK_BLUE, False)),
        ("odd", ["dark_blue"], (Colour.DARK_BLUE, False)),
        ("points", ["[]", "2", "null"], ((), 2.0, None)),
        ("points", ['[{"x": 1, "name": "n", "colour": "blue"}]'], ((Point(1, b"n", Colour.DARK_BLUE),), 0.5, None)),
        ("points", ['[[1, "n"], [2, "m", "RED"]]'], ((Point(1, b"n"), Point(2, b"m")), 0.5, None)),
        ("other", ["cell"], (Slot("cell"),)),
        ("never", [], ()),
    ],
)
def test_bind(operation, words, expected):
    assert arguments(operation, *words) == expected


@pytest.mark.parametrize(
    ("operation", "words", "said"),
    [
        ("echo", [], "Menu.echo is missing the argument 'data'"),
        ("echo", ["a", "b"], "times is 'b', which is not a number"),
        ("echo", ["a", "99999999999999999999"], "times is '99999999999999999999', which is not of type int"),
        ("echo", ["a", "1", "c"], "'c' is one argument too many"),
        ("echo", ["a", "data=b"], "Menu.echo has no (free) parameter 'data'"),
        ("echo", ["@/nope"], "data: /nope cannot be read: no such file or directory (@@ begins a text with @)"),
        ("odd", ["redd"], "colour is 'redd'; did you mean 'red'?"),
        ("odd", ["red", "maybe"], "yes is 'maybe'; write true or false"),
        ("points", ["[1"], "several is '[1', which is not JSON (expecting ',' delimiter)"),
        ("points", ["[1]"], "several is '[1]', which is not of type tuple[Point, ...]"),
        ("points", ['[{"x": 1, "nam": "n"}]'], "several: Point has no field 'nam'; did you mean 'name'?"),
        ("points", ['[{"x": 1}]'], "Missing required argument 'name'"),
        ("other", ["menu"], "menu is 'menu'; of type Cell there are cell"),
    ],
)
def test_bind_mistakes(operation, words, said):
    with pytest.raises(UsageError) as error:
        arguments(operation, *words)
    assert str(error.value).startswith(f"menu.{operation}(")
    assert str(error.value).endswith(f": {said}")


def test_parse_chain():
    from servers.filesystem import FileSystem

    server, steps = parse("files.open", ["/a", ".read", "0", "5"], {"files": FileSystem}, "it")
    assert server == "files"
    assert [(operation.name, given) for operation, given in steps] == [("open", (b"/a", False)), ("read", (0, 5))]
    _, steps = parse("files.open", [".profile"], {"files": FileSystem}, "it")
    assert steps[0][1] == (b".profile", False)
    _, steps = parse("files.open", ["path=.read", ".read", "0", "1"], {"files": FileSystem}, "it")
    assert [operation.name for operation, _ in steps] == ["open", "read"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["flies.open"], "it has no server 'flies'; did you mean 'files'?"),
        (["files"], "files needs an operation; write files.NAME with one of stat, open, "),
        (["files.opn"], "files has no operation 'opn'; did you mean 'open'?"),
        (["files.open", "/a", ".raed", "0", "5"], "File has no operation 'raed'; did you mean 'read'?"),
        (["files.open", "/a", ".read", "0"], "File.read(offset: int, count: int) -> bytes: "),
    ],
)
def test_parse_mistakes(words, said):
    from servers.filesystem import FileSystem

    with pytest.raises(UsageError) as error:
        parse(words[0], words[1:], {"files": FileSystem}, "it")
    assert str(error.value).startswith(said)


def test_plain_values():
    point = Point(1, b"\xff", Colour.DARK_BLUE)
    assert values.plain((b"text", point, None, 1.5)) == [
        "text",
        {"x": 1, "name": {"base64": "/w=="}, "colour": "blue"},
        None,
        1.5,
    ]


def test_cells_do_not_steer_a_terminal():
    assert values.cell(b"a\x1b[2J\xff") == "a\\x1b[2J\\xff"
    assert values.cell((True, None, Point(1, b"n"))) == "(true, none, Point(1, n, red))"
