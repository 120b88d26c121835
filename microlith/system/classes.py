"""From `package.module:Class` to the class of a server or an app.

The modules named here are the operator's own choice, made in a file of his own: nothing that arrives in
a message is ever imported.
"""

import importlib
import importlib.util
import pkgutil
import re
import sys
from pathlib import Path
from types import ModuleType

from microlith.frame.server import App, Object, Server
from microlith.interface.interface import Implementation
from microlith.interface.needs import Need, needs_of
from microlith.interface.values import is_interface
from microlith.system.place import did_you_mean, listed, one_line, shown

DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def offer_folder(source: str) -> None:
    """Let classes be found beside a system file; last in the path, so that nothing is shadowed."""
    folder = str(Path(source).resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)


class NoClass(LookupError):
    """There is no such class; the sentence says why, and which one may have been meant."""


def find_class(dotted: object, source: str, bases: tuple[type, ...] = (Server, App)) -> type:
    """The class of that name, seen from the file `source`.  A class of `bases` is suggested if NoClass."""
    if not isinstance(dotted, str) or not DOTTED.fullmatch(dotted):
        raise NoClass(f'{shown(dotted)} does not name a class; write "package.module:Class"')
    module_name, _, name = dotted.partition(":")
    module = _module(source, module_name)
    found = getattr(module, name, None)
    if found is None:
        raise NoClass(f"module {module_name} has no class {name!r}{_classes(module, name, bases)}")
    if not isinstance(found, type):
        raise NoClass(f"{dotted} is not a class{_classes(module, name, bases)}")
    return found


def why_not_part(cls: object, base: type[Server] | type[App]) -> str | None:
    """What is wrong with a class as a server or an app, or None."""
    wanted = "a server" if base is Server else "an app"
    if not isinstance(cls, type):
        return f"{cls!r} is no class; give a subclass of {base.__name__}"
    if issubclass(cls, base) and cls is not base:
        return None
    if cls is base:
        return f"{cls.__name__} is only the base of {wanted}; derive a class from it"
    for other, what in (
        (Server, "a server, not an app; it belongs under [servers]"),
        (App, "an app, not a server; it belongs under [apps]"),
        (Object, f"an object that a server hands out, not {wanted}"),
    ):
        if issubclass(cls, other):
            return f"{cls.__name__} is {what}"
    if is_interface(cls) and not issubclass(cls, Implementation):
        return f"{cls.__name__} is an interface, not {wanted}; give a class that implements it"
    return f"{cls.__name__} is not {wanted}; derive it from {base.__name__}"


def why_not_needs(cls: type) -> tuple[dict[str, Need], str | None]:
    """The needs of a class, or what is wrong with its annotations."""
    try:
        return needs_of(cls), None
    except (TypeError, NameError, AttributeError) as error:
        return {}, f"class {cls.__name__} is ill-defined: {error}"


def _module(source: str, name: str) -> ModuleType:
    _refuse_namesake(source, name)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if name == missing or name.startswith(missing + "."):
            raise NoClass(f"there is no module {name!r}{_modules(name)}") from None
        raise NoClass(f"module {name} needs {missing!r}, which is not installed") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the operator's module may fail in any way
        why = f"{type(error).__name__}: {error}"
        if isinstance(error, SyntaxError):
            why = f"SyntaxError: {error.msg} in line {error.lineno}"
        raise NoClass(f"module {name} cannot be loaded: {one_line(why)}") from None


def _refuse_namesake(source: str, name: str) -> None:
    """Two folders may hold a mydisk.py each, but one process can hold only one module of that name."""
    beside = Path(source).resolve().parent / f"{name}.py"
    loaded = getattr(sys.modules.get(name), "__file__", None)
    if loaded and beside.is_file() and not beside.samefile(loaded):
        raise NoClass(f"another module {name} is loaded already, from {loaded}; rename one of them")


def _modules(name: str) -> str:
    """`; did you mean ...?` among the modules beside the missing one."""
    package, _, _ = name.rpartition(".")
    try:
        spec = importlib.util.find_spec(package) if package else None
    except (ImportError, ValueError, AttributeError):
        spec = None
    folders = list(spec.submodule_search_locations or ()) if spec else ([] if package else sys.path)
    prefix = f"{package}." if package else ""
    names = [prefix + module.name for module in pkgutil.iter_modules(folders) if not module.name.startswith("_")]
    beside = "" if package else f"; put {name}.py beside the system file, or install it"
    return did_you_mean(name, names, beside)


def _classes(module: ModuleType, wrong: str, bases: tuple[type, ...]) -> str:
    """`; did you mean ...?` among the classes of a module that derive from `bases`."""
    names = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, bases) and value.__module__ == module.__name__
    ]
    return did_you_mean(wrong, names, f"; it has {listed(names)}" if names else "")
