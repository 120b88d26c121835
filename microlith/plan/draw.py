"""A plan as people read it: a tree for a terminal of 80 columns, and a Mermaid flowchart.

Both are pure functions of the plan.  Programs that start later are drawn apart from what boots.
"""

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from microlith.plan.options import words
from microlith.plan.plan import Domain, Link, Plan, Template

WIDTH = 80
COLUMN = 44  # where the second column of the tree begins


def kind_of(link: Link) -> str:
    """A link's path, transport and options in words: `direct`, `peer over socket`, `kernel over zmq [count]`."""
    path = f"{link.path} over {link.transport}" if link.transport else link.path
    return path + (f" [{words(link.options)}]" if link.options else "")


def options_of(options: dict[str, Any]) -> str:
    """A domain's options in words: ` [on_fault=panic]`, or nothing."""
    shown = ", ".join(f"{key}={value}" for key, value in options.items())
    return f" [{shown}]" if shown else ""


def counted(number: int, noun: str) -> str:
    """`1 domain`, `2 domains`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def text(plan: Plan) -> str:
    """The plan as a tree: domains, the instances in them, and each instance's links."""
    sizes = (counted(len(plan.domains), "domain"), counted(len(plan.links), "link"))
    lines = [f"{plan.system} as {plan.architecture}: {', '.join(sizes)}", "", *_domains(plan)]
    if plan.templates:
        lines += ["", "started later:"]
        for template in plan.templates:
            lines += _template(template)
    return "\n".join(lines) + "\n"


def _domains(plan: Plan) -> Iterator[str]:
    for domain in plan.domains:
        role = "root, " if domain is plan.root else ""
        yield _row(domain.name, f"{role}{domain.kind}{options_of(domain.options)}")
        rows = [(i.name if i.name == i.of else f"{i.name} ({i.of})", i.name) for i in domain.instances]
        for shown, name in rows:
            last = name == rows[-1][1] and domain.plan is None
            yield f"{'└─' if last else '├─'} {shown}"
            links = plan.links_of(name)
            for link in links:
                branch = "└─" if link is links[-1] else "├─"
                yield _row(f"{'  ' if last else '│ '} {branch} {link.slot} → {link.server}", kind_of(link))
        if domain.plan is not None:
            inner = text(domain.plan).rstrip().split("\n")
            yield from (f"{'└─' if i == 0 else '  '} {line}".rstrip() for i, line in enumerate(inner))


def _template(template: Template) -> Iterator[str]:
    where = f"inside {template.inside}" if template.inside else f"a new {template.domain.kind}"
    yield _row(template.app, where + ("" if template.inside else options_of(template.domain.options)))
    for kind, links in _by_kind(template.links).items():
        servers = ", ".join(k.server if k.slot == k.server else f"{k.slot} → {k.server}" for k in links)
        yield from textwrap.wrap(f"calls {servers}: {kind}", WIDTH, initial_indent="   ", subsequent_indent="         ")


def _by_kind(links: Iterable[Link]) -> dict[str, list[Link]]:
    groups: dict[str, list[Link]] = {}
    for link in links:
        groups.setdefault(kind_of(link), []).append(link)
    return groups


def _row(left: str, right: str) -> str:
    """Two columns; what does not fit beside goes below."""
    if len(left) < COLUMN and COLUMN + len(right) <= WIDTH:
        return f"{left:<{COLUMN}}{right}"
    return f"{left}\n{'':>{COLUMN}}{right}"


def mermaid(plan: Plan) -> str:
    """The plan as a Mermaid flowchart: a box a domain, an arrow a link, dotted for what starts later."""
    return "\n".join(["flowchart LR", *_chart(plan, "  ", "")]) + "\n"


def _chart(plan: Plan, indent: str, prefix: str) -> Iterator[str]:
    nodes: dict[str, str] = {}
    for number, domain in enumerate(plan.domains):
        yield from _box(domain, indent, f"{prefix}d{number}", nodes)
    for link in plan.links:
        yield f"{indent}{nodes[link.client]} -->|{_quoted(_label(link))}| {nodes[link.server]}"
    for number, template in enumerate(plan.templates):
        node = f"{prefix}t{number}"
        where = f"in {template.inside}" if template.inside else "later"
        yield f"{indent}{node}([{_quoted(f'{template.app} ({where})')}])"
        for link in template.links:
            yield f"{indent}{node} -.->|{_quoted(_label(link))}| {nodes[link.server]}"


def _box(domain: Domain, indent: str, identity: str, nodes: dict[str, str]) -> Iterator[str]:
    yield f"{indent}subgraph {identity}[{_quoted(f'{domain.name} ({domain.kind}){options_of(domain.options)}')}]"
    for number, instance in enumerate(domain.instances):
        nodes[instance.name] = f"{identity}i{number}"
        yield f"{indent}  {nodes[instance.name]}[{_quoted(instance.name)}]"
    if domain.plan is not None:
        yield from _chart(domain.plan, indent + "  ", f"{identity}g")
    elif not domain.instances:  # an empty box would be drawn as a lone node
        yield f"{indent}  {identity}i(({_quoted(domain.name)}))"
    yield f"{indent}end"


def _label(link: Link) -> str:
    label = f"{link.slot}: {link.path}/{link.transport}" if link.transport else f"{link.slot}: {link.path}"
    return f"{label} [{words(link.options)}]" if link.options else label


def _quoted(words: str) -> str:
    return '"' + words.replace('"', "#quot;") + '"'
