"""The shape of the code: dependencies one way, lengths, nothing received is run, docstrings, the kernel's size."""

import ast
import io
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

from bench.about import APART, BESIDE, CLIENT_SIDE, GROUND, SOMETIMES, kernel_lines

ROOT = Path(__file__).parents[2]
PACKAGES = ("microlith", "servers", "monolith", "microkernel", "bench", "systems")
FILE_LINES, FUNCTION_LINES = 500, 70

#: what may import what (besides the standard library and the packages of others); kinds.py names the rest in strings
ALLOWED = {
    "microlith": {"microlith"},
    "servers": {"servers", "microlith"},
    "monolith": {"monolith", "microlith"},
    "microkernel": {"microkernel", "microlith"},
    "systems": {"systems"},
    "bench": set(PACKAGES),
}
CORE_FORBIDDEN = {
    "zmq", "os", "time", "socket", "random", "threading", "select", "asyncio", "subprocess", "signal", "sys", "io", "secrets",  # noqa: E501
    "datetime", "multiprocessing", "selectors", "ctypes",
}  # fmt: skip

KERNEL_LINES = 1500


def sources():
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def tree_of(path):
    return ast.parse(path.read_text(), str(path))


def short(path):
    return str(path.relative_to(ROOT))


def imports_of(tree):
    """Top-level and nested imports alike; those under TYPE_CHECKING too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield ("." * node.level) + (node.module or "")


def test_dependencies_point_one_way():
    wrong = []
    for path in sources():
        allowed = ALLOWED[path.relative_to(ROOT).parts[0]]
        for name in imports_of(tree_of(path)):
            top = name.partition(".")[0]
            if name.startswith(".") or (top in PACKAGES and top not in allowed) or top == "tests":
                wrong.append(f"{short(path)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_core_imports_no_input_and_no_output():
    wrong = []
    for path in sorted((ROOT / "microkernel" / "core").rglob("*.py")):
        for name in imports_of(tree_of(path)):
            top = name.partition(".")[0]
            if top in CORE_FORBIDDEN or (top in PACKAGES and not name.startswith("microkernel.core")):
                wrong.append(f"{short(path)} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_no_file_is_too_long(capsys):
    lengths = {short(path): len(path.read_text().splitlines()) for path in sources()}
    report(capsys, "lines a file", list(lengths.values()))
    assert {name: lines for name, lines in lengths.items() if lines > FILE_LINES} == {}


def functions():
    for path in sources():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield f"{short(path)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def test_no_function_is_too_long(capsys):
    lengths = dict(functions())
    report(capsys, "lines a function", list(lengths.values()))
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}
    assert sorted(lengths.values())[len(lengths) * 9 // 10] < 40


def report(capsys, what, numbers):
    numbers = sorted(numbers)
    marks = {f"{share} %": numbers[(len(numbers) - 1) * share // 100] for share in (10, 50, 90, 99, 100)}
    with capsys.disabled():
        print(f"\n{what}: n {len(numbers)}, " + ", ".join(f"{name} {value}" for name, value in marks.items()))


#: (file, function) that may execute or import by name, and why
EXECUTES = {
    ("microlith/process/modules.py", "exec"): "the code that the operator's own system file named, compiled before",
    ("microlith/process/zygote.py", "__import__"): "the ground's own modules, named by the kernel that started it",
}


def test_nothing_received_is_executed():
    """No pickle, marshal, eval or exec; imports by name are of what the operator's own files say."""
    wrong = []
    for path in sources():
        tree = tree_of(path)
        for name in imports_of(tree):
            if name.partition(".")[0] in ("pickle", "marshal", "shelve", "dill", "cloudpickle", "code", "codeop"):
                wrong.append(f"{short(path)} imports {name}")
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                called = node.func.id
                if called in ("eval", "exec", "compile", "__import__") and (short(path), called) not in EXECUTES:
                    wrong.append(f"{short(path)}:{node.lineno} calls {called}")
    assert not wrong, "\n".join(wrong)


IMPORTERS = {
    "microlith/__init__.py", "microlith/kinds.py", "microlith/process/birth.py", "microlith/process/modules.py",
    "microlith/system/classes.py",
}  # fmt: skip


def test_modules_are_imported_by_name_in_known_places_only():
    found = set()
    for path in sources():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Attribute) and node.attr in (
                "import_module",
                "exec_module",
                "spec_from_file_location",
            ):
                found.add(short(path))
    assert found <= IMPORTERS | {"microlith/command/main.py", "bench/subject.py"}, found - IMPORTERS


def test_no_assertion_on_received_bytes():
    """An assert says what this file itself guarantees; parsers raise."""
    for name in (
        "microlith/frame/wire.py",
        "microlith/frame/codec.py",
        "microkernel/broker.py",
        "microkernel/zap.py",
        "microlith/frame/peer.py",
    ):
        assert not [node.lineno for node in ast.walk(tree_of(ROOT / name)) if isinstance(node, ast.Assert)], name


def test_public_things_have_docstrings():
    missing = []
    for path in sources():
        tree = tree_of(path)
        if not ast.get_docstring(tree):
            missing.append(short(path))
        for node in tree.body:
            public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                missing.append(f"{short(path)}:{node.lineno} {node.name}")
    assert not missing, "\n".join(missing)


def code_lines(path):
    """Lines that hold code: not blank, no comment alone, no docstring."""
    text = path.read_text()
    lines = set()
    skip = (
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
    )
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in skip:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and ast.get_docstring(node, clean=False) is not None
        ):
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return len(lines)


def test_kernel_is_small(capsys):
    """The kernel is what no message gets by.  What its process holds beside it is counted and printed, not bounded."""
    own = [
        path
        for path in sorted((ROOT / "microkernel").rglob("*.py"))
        if path.name not in CLIENT_SIDE | SOMETIMES and path.parent.name not in APART
    ]
    sizes = {short(path): code_lines(path) for path in own}
    kernel = sum(size for name, size in sizes.items() if Path(name).name not in BESIDE)
    sizes |= {f"microlith/{name}": code_lines(ROOT / "microlith" / name) for name in GROUND}
    with capsys.disabled():
        print(f"\nkernel: {kernel} lines of code (limit {KERNEL_LINES}); its process: {sum(sizes.values())}")
        for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
            print(f"  {size:4d} {name}")
    assert kernel < KERNEL_LINES
    told = kernel_lines()
    assert (told["kernel"], told["files"]) == (kernel, sizes), "what `compare` prints is what is counted here"


KERNEL_OF_L4 = """
import sys, microkernel.start, microkernel.kernel, microkernel.router, microkernel.channel, microkernel.meter
print(*(name for name in sys.modules if name.startswith("microkernel")))
"""


def test_what_a_kernel_loads_is_what_is_counted():
    """Exactly: nothing that `mach` or `l4` need is left out, and nothing is listed that they do not load."""
    loaded = set(
        subprocess.run(
            [sys.executable, "-c", KERNEL_OF_L4], capture_output=True, text=True, cwd=ROOT, check=True
        ).stdout.split()
    )
    counted = {name[:-3].replace("/", ".").removesuffix(".__init__") for name in kernel_lines()["files"]}
    assert loaded == {name for name in counted if name.startswith("microkernel")}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_of_a_package_has_a_readme(package):
    folders = [ROOT / package, *(p for p in (ROOT / package).rglob("*") if p.is_dir() and p.name != "__pycache__")]
    missing = [short(folder) for folder in folders if any(folder.glob("*.py")) and not (folder / "README.md").exists()]
    assert not missing, missing
