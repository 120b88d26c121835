"""A plan as plain data and as JSON, both ways: `from_json(to_json(plan)) == plan`.

Options hold None, booleans, numbers, strings and tuples and dicts of these; a tuple travels as a list and
comes back as a tuple, so an option is never a list.
"""

from dataclasses import replace
from typing import Any

import msgspec

from microlith.plan.plan import Domain, Link, Plan, Template


def to_plain(plan: Plan) -> dict[str, Any]:
    """The plan as dicts, lists, strings, numbers and booleans, for JSON or MessagePack."""
    plain: dict[str, Any] = msgspec.to_builtins(plan)
    return plain


def from_plain(data: Any) -> Plan:
    """The plan again.  msgspec.ValidationError (a ValueError) names what does not fit."""
    return _frozen_plan(msgspec.convert(data, Plan))


def to_json(plan: Plan, indent: int = 2) -> str:
    """The plan as JSON text."""
    return msgspec.json.format(msgspec.json.encode(plan), indent=indent).decode()


def from_json(text: str | bytes) -> Plan:
    """The plan that such a text describes.  ValueError if it describes none."""
    return from_plain(msgspec.json.decode(text))


def _frozen_plan(plan: Plan) -> Plan:
    return replace(
        plan,
        domains=tuple(map(_frozen_domain, plan.domains)),
        links=_frozen_links(plan.links),
        templates=tuple(map(_frozen_template, plan.templates)),
    )


def _frozen_domain(domain: Domain) -> Domain:
    inner = _frozen_plan(domain.plan) if domain.plan else None
    return replace(domain, plan=inner, options=_frozen(domain.options))


def _frozen_links(links: tuple[Link, ...]) -> tuple[Link, ...]:
    return tuple(replace(link, options=_frozen(link.options)) for link in links)


def _frozen_template(template: Template) -> Template:
    return replace(template, domain=_frozen_domain(template.domain), links=_frozen_links(template.links))


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
