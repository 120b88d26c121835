"""A call as an expression to the words that `microlith call` takes: there is one parser, and it is in call.py.

files.create /motd .write 0 'hello'            words, as for `call`, in one argument or in several
files.create('/motd').write(0, 'hello')        the same as Python writes it; arguments are literals
"""

import ast
import json
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from microlith.interface.status import UsageError
from microlith.system.place import shown


def words_of(given: Sequence[str]) -> list[str]:
    """The words of an expression.  Raises UsageError."""
    if len(given) != 1:
        return list(given)
    text = given[0].strip()
    if "(" in text.split(" ", maxsplit=1)[0]:
        return _calls(text)
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{shown(text)} cannot be read: {str(error).lower()}") from None
    if not words:
        raise UsageError("there is no call in ''; write for example 'files.list /'")
    return words


def _calls(text: str) -> list[str]:
    try:
        node: ast.expr = ast.parse(text, mode="eval").body
        return list(_chain(node))
    except (SyntaxError, ValueError, TypeError, RecursionError):
        example = '\'files.create("/motd").write(0, "hello")\''
        raise UsageError(f"{shown(text)} is no chain of calls; write for example {example}") from None


def _chain(node: ast.expr) -> Iterator[str]:
    """`a.b(x).c(y)` as `a.b x .c y`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        raise ValueError
    target = node.func.value
    if isinstance(target, ast.Name):
        yield f"{target.id}.{node.func.attr}"
    else:
        yield from _chain(target)
        yield f".{node.func.attr}"
    yield from (_word(argument) for argument in node.args)
    for keyword in node.keywords:
        if keyword.arg is None:
            raise ValueError
        yield f"{keyword.arg}={_word(keyword.value)}"


def _word(node: ast.expr) -> str:
    """A literal as a word (words.py says how words are typed); a bare name is that of a server."""
    if isinstance(node, ast.Name):
        return node.id
    value: Any = ast.literal_eval(node)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if isinstance(value, str):
        return f"@{value}" if value.startswith("@") else value
    return json.dumps(value)
