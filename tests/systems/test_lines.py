"""The places of a document's elements."""

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from microlith.system.lines import Lines

TEXT = '''# a comment with [a] table
[servers.disk]   # line 2
class = "a:B"
text = """
[not.a.table]
key = 5 \\""" still"""
"quoted key" = 'literal # no comment'

[ servers . "fi\\u006ces" ]
list = [
  1, # one
  "two]",
  { inner = 3 },
]
inline = { a = 1, b.c = "}" }
dotted.key.deep = 1979-05-27 07:32:00
'''


def test_lines_of_every_element():
    lines = Lines(TEXT).first
    assert lines == {
        "servers": 2,
        "servers.disk": 2,
        "servers.disk.class": 3,
        "servers.disk.text": 4,
        "servers.disk.quoted key": 7,
        "servers.files": 9,
        "servers.files.list": 10,
        "servers.files.list.inner": 13,
        "servers.files.inline": 15,
        "servers.files.inline.a": 15,
        "servers.files.inline.b": 15,
        "servers.files.inline.b.c": 15,
        "servers.files.dotted": 16,
        "servers.files.dotted.key": 16,
        "servers.files.dotted.key.deep": 16,
    }


def test_lines_of_duplicates():
    assert Lines("[a]\nx = 1\nx = 2\n[a]\n").again == [("a.x", 3), ("a", 4)]


def test_lines_of_a_table_declared_by_its_child_is_no_duplicate():
    assert Lines("[a.b]\n[a]\n").again == []


def test_lines_of_array_tables_is_no_duplicate():
    assert Lines("[[a]]\n[[a]]\n").again == []


def test_lines_stop_where_it_is_not_toml():
    assert Lines("[a]\nx = \n[b]\n").first == {"a": 1, "a.x": 2}


def test_lines_of_deep_nesting_stop():
    Lines("a = " + "[" * 100_000)


def test_lines_of_a_large_file_are_linear():
    text = "".join(f"[servers.s{i}]\nclass = 'a:B'\n" for i in range(20_000))
    assert Lines(text).first["servers.s19999"] == 39_999


PIECES = [
    "[",
    "]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "\n",
    " ",
    "#",
    '"',
    "'",
    '"""',
    "'''",
    "a",
    "b",
    "1",
    "\\",
    "true",
    "[a]\n",
]
FRAGMENTS = [
    "a = 1\n",
    "b.c = 'x'\n",
    "[t]\n",
    "[t.u]\n",
    '"k" = [1, 2]\n',
    "z = {a = 1, b = {c = 2}}\n",
    "# x\n",
    "\n",
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_lines_of_anything_end(text):
    lines = Lines(text)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.first.values())


@settings(max_examples=300)
@given(st.lists(st.sampled_from(FRAGMENTS)).map("".join))
def test_lines_know_every_element_of_a_document(text):
    lines = Lines(text)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(lines.first) == set(paths(document)) and not lines.again


def paths(table, prefix=""):
    for key, value in table.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from paths(value, f"{prefix}{key}.")
