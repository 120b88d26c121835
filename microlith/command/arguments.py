"""The arguments that commands share, and how a shell completes them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from microlith import kinds
from microlith.interface.status import UsageError

if TYPE_CHECKING:  # generic for mypy only: older versions of click cannot be subscribed
    _Type = click.ParamType[str]
else:
    _Type = click.ParamType


class SystemName(_Type):
    """A ready system's name or the path of a system file."""

    name = "system"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Ready systems, then files."""
        from microlith.system.document import ready_systems

        ready = [CompletionItem(name, help="ready system") for name in ready_systems() if name.startswith(incomplete)]
        return ready or [CompletionItem(incomplete, type="file")]


class ArchitectureName(_Type):
    """An architecture of the table in kinds.py."""

    name = "architecture"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The architectures there are; of a list `a,b` the last one is completed."""
        before, comma, last = incomplete.rpartition(",")
        return [CompletionItem(before + comma + name) for name in kinds.ARCHITECTURES if name.startswith(last)]


def system_argument(**options: Any) -> Callable[..., Any]:
    """The argument SYSTEM, as parameter `system`: still a string; `checked` reads it."""
    return click.argument("system", type=SystemName(), **options)


def architecture_option(default: str = "mach") -> Callable[..., Any]:
    """The option --as, as parameter `architecture`: still a string; `kinds.architecture` finds it."""
    names = ", ".join(kinds.ARCHITECTURES)
    return click.option(
        "--as",
        "architecture",
        type=ArchitectureName(),
        default=default,
        show_default=True,
        metavar="ARCHITECTURE",
        help=f"One of {names}.",
    )


def domains_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option --domains, as parameter `domains`: still a string; `groups` reads it."""
    return click.option(
        "--domains",
        metavar="A+B,C",
        help="Servers that share a domain, joined by +; the others get one each. It replaces the system's own.",
    )(command)


def placement_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option --placement, as parameter `placement`; None: the system's own, or the machine's default."""
    return click.option(
        "--placement",
        type=click.Choice(("free", "same-core", "spread")),
        help="Which cores the processes may use; `microlith doctor` explains the default.",
    )(command)


def groups(domains: str | None) -> tuple[tuple[str, ...], ...] | None:
    """The groups that --domains names: `files+disk,console`.  Raises UsageError."""
    if domains is None:
        return None
    found = tuple(tuple(word.split("+")) for word in domains.split(","))
    if any(not name for group in found for name in group):
        raise UsageError(f"--domains {domains} cannot be read; write for example --domains disk+files,console")
    return found


class LinkWords(_Type):
    """`LINK=WORDS`: options of links."""

    name = "link"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """After the equals sign, the options that are not there yet."""
        from microlith.plan.options import WORDS

        link, equals, given = incomplete.partition("=")
        before, comma, last = given.rpartition(",")
        if not equals:
            return []
        left = [word for word in WORDS if word not in before.split(",") and word.startswith(last)]
        return [CompletionItem(f"{link}={before}{comma}{word}{':' if WORDS[word] else ''}") for word in left]


def links_option() -> Callable[..., Any]:
    """The option --link, as parameter `links`: still strings; `links_of` reads them."""
    return click.option(
        "--link",
        "links",
        type=LinkWords(),
        metavar="CLIENT.SLOT=OPTION,...",
        multiple=True,
        help="Options of links (globs allowed): check, count, trace, lock, fault:STATUS/N, hop:MICROSECONDS.",
    )


def links_of(words: tuple[str, ...]) -> dict[str, str]:
    """What several --link say: link -> options, as `boot` takes them."""
    links: dict[str, str] = {}
    for word in words:
        name, equals, options = word.partition("=")
        if not equals or not name or not options:
            raise UsageError(f"--link {word} does not say what a link does; write --link CLIENT.SLOT=OPTION,...")
        links[name] = f"{links[name]},{options}" if name in links else options
    return links


def checked(path_or_name: str) -> Any:
    """The system of that name or in that file, loaded and checked."""
    from microlith.system.check import check
    from microlith.system.systemfile import load

    system = load(path_or_name)
    check(system)
    return system
