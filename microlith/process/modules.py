"""Server modules as compiled, unexecuted code, held by the zygote for its children.

Compiling a server of 2,000 lines takes 15 ms, executing the compiled code half of one; so a zygote
compiles once, and each child executes afresh, after it was confined, without opening a file.  A child
gets exactly the code that the machine was booted with, whatever happens to the source later.

A module without a function that does anything, which imports the interface language and its like alone,
declares interfaces and statuses; it is no server's code, and the zygote executes it once for all.
"""

import importlib
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Iterator
from opcode import opmap
from types import CodeType, ModuleType
from typing import Any, NamedTuple

_EMPTY = len((lambda self: None).__code__.co_code)
LANGUAGE = ("microlith.interface", "enum", "typing", "errno", "collections.abc")
_LOAD_CONST, _IMPORT_NAME, _EXTENDED = opmap["LOAD_CONST"], opmap["IMPORT_NAME"], opmap["EXTENDED_ARG"]


class Compiled(NamedTuple):
    """One module: its code, its file, and where its submodules are if it is a package."""

    code: CodeType
    origin: str
    locations: list[str] | None


class Store:
    """Compiled modules by name; put into `sys.meta_path`, it also loads them."""

    def __init__(self) -> None:
        self.modules: dict[str, Compiled] = {}
        self.declarations: list[str] = []

    def add(self, name: str) -> None:
        """Compile a module, its packages, and what they import, the standard library left out."""
        if name in self.modules or name in sys.modules or name.partition(".")[0] in sys.stdlib_module_names:
            return
        spec = self._find(name)
        if spec is None or not isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            return
        code = spec.loader.get_code(name)
        if code is None or spec.origin is None or ("site-packages" in spec.origin.split("/")[:-2] and not _ours(name)):
            return
        locations = spec.submodule_search_locations
        self.modules[name] = Compiled(code, spec.origin, list(locations) if locations is not None else None)
        package = name if locations is not None else name.rpartition(".")[0]
        wanted = list(imports(code, package))
        for one in wanted:
            self.add(one)
        if self._declares(code, wanted):
            importlib.import_module(name)
            self.declarations.append(name)

    def _declares(self, code: CodeType, wanted: list[str]) -> bool:
        known = (*LANGUAGE, *self.declarations)
        language = all(any(one == m or one.startswith(f"{m}.") for m in known) for one in wanted)
        return language and bool(wanted or code.co_names == ("__doc__",)) and without_functions(code)

    def _find(self, name: str) -> importlib.machinery.ModuleSpec | None:
        parent = name.rpartition(".")[0]
        if not parent:
            return importlib.machinery.PathFinder.find_spec(name)
        self.add(parent)
        if parent in self.modules:
            path = self.modules[parent].locations
        elif parent in sys.modules:
            path = list(getattr(sys.modules[parent], "__path__", ()))
        else:  # a folder without __init__.py
            path = [os.path.join(folder, *parent.split(".")) for folder in sys.path]
        try:
            return importlib.machinery.PathFinder.find_spec(name, path) if path else None
        except KeyError:  # a folder without __init__.py below another: there is nothing to compile
            return None

    # --- in the child: finder and loader -----------------------------------------------------------

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        found = self.modules.get(name)
        if found is None:
            return None
        loader: Any = self
        spec = importlib.machinery.ModuleSpec(name, loader, origin=found.origin, is_package=found.locations is not None)
        spec.submodule_search_locations = found.locations
        spec.has_location = True
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """The usual kind of module."""

    def exec_module(self, module: ModuleType) -> None:
        exec(self.modules[module.__name__].code, module.__dict__)


def _ours(name: str) -> bool:
    return name.partition(".")[0] in ("servers", "bench")


def without_functions(code: CodeType) -> bool:
    """Has this module's code, or a class in it, no function that does anything?"""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            a_class = "__qualname__" in constant.co_names
            if not (without_functions(constant) if a_class else len(constant.co_code) <= _EMPTY):
                return False
    return True


def imports(code: CodeType, package: str) -> Iterator[str]:
    """The names of all modules that this code, or a function in it, may import."""
    constants: list[Any] = [None, None]
    extended = 0
    for position in range(0, len(code.co_code), 2):
        operation, argument = code.co_code[position], code.co_code[position + 1] | extended
        extended = argument << 8 if operation == _EXTENDED else 0
        if operation == _LOAD_CONST:
            constants = [constants[1], code.co_consts[argument]]
        elif operation == _IMPORT_NAME:
            level, names = constants
            base = code.co_names[argument]
            if level:
                base = importlib.util.resolve_name("." * level + base, package)
            yield base
            yield from (f"{base}.{name}" for name in names or ())
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from imports(constant, package)
