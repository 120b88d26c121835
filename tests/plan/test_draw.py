"""Plans as text, as a chart and as JSON, beyond what the ready systems have."""

import json
import re

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microlith.plan import draw
from microlith.plan.plan import Domain, Instance, Link, Plan, Template
from microlith.plan.transfer import from_json, from_plain, to_json, to_plain

INNER = Plan(
    "monolith",
    "inside",
    (Domain("kernel", "kernel", (Instance("disk", "disk"), Instance("files", "files"))),),
    (Link("files", "disk", "disk", "direct"),),
)
NESTED = Plan(
    "guests",
    "outer",
    (
        Domain("kernel", "kernel"),
        Domain("one", "guest", (), INNER, {"memory_mib": 64, "cores": (0, 1)}),
        Domain("two", "process", (Instance("disk_2", "disk"), Instance("user", "user"))),
    ),
    (Link("user", "disk", "disk_2", "direct", "", {"check": True}),),
    (Template("shell", Domain("shell", "process", options={"on_fault": "oops"}), (), None),),
)


def test_text_of_a_guest():
    assert draw.text(NESTED) == (
        "outer as guests: 3 domains, 1 link\n"
        "\n"
        "kernel                                      root, kernel\n"
        "one                                         guest [memory_mib=64, cores=(0, 1)]\n"
        "└─ inside as monolith: 1 domain, 1 link\n"
        "\n"
        "   kernel                                      root, kernel\n"
        "   ├─ disk\n"
        "   └─ files\n"
        "      └─ disk → disk                           direct\n"
        "two                                         process\n"
        "├─ disk_2 (disk)\n"
        "└─ user\n"
        "   └─ disk → disk_2                         direct [check]\n"
        "\n"
        "started later:\n"
        "shell                                       a new process [on_fault=oops]\n"
    )


def test_text_fits_in_80_columns():
    servers = tuple(Instance(f"server_number_{i}", "x") for i in range(50))
    links = tuple(Link("operator", i.name, i.name, "kernel", "zmq") for i in servers)
    operator = Template("operator", Domain("operator", "process"), links)
    long = Link(servers[0].name, "a_slot_with_a_very_long_name", servers[1].name, "kernel", "zmq", {"count": True})
    text = draw.text(Plan("a", "s", (Domain("all", "process", servers),), (long,), (operator,)))
    assert max(map(len, text.splitlines())) <= 80
    assert all(instance.name in text for instance in servers)


def test_mermaid_has_a_node_for_every_arrow():
    chart = draw.mermaid(NESTED)
    nodes = set(re.findall(r"^ *(\w+)[\[(]", chart, re.MULTILINE))
    for client, server in re.findall(r"^ *(\w+) -[.-]*>\|.*\| (\w+)$", chart, re.MULTILINE):
        assert {client, server} <= nodes
    assert chart.count("subgraph") == chart.count("end\n") == 4


def test_mermaid_quotes_labels():
    plan = Plan("a", "s", (Domain('x"]', "process"),), ())
    assert 'd0["x#quot;] (process)"]' in draw.mermaid(plan)


def test_json_of_a_guest_and_back():
    assert from_json(to_json(NESTED)) == NESTED
    assert json.loads(to_json(NESTED))["domains"][1]["plan"]["system"] == "inside"
    assert from_plain(msgpack.unpackb(msgpack.packb(to_plain(NESTED)))) == NESTED


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"architecture": 5}', "nonsense"])
def test_from_json_of_no_plan(text):
    with pytest.raises(ValueError):
        from_json(text)


names = st.text("abc_", min_size=1, max_size=5)
values = st.sampled_from(
    [None, True, 0, -(2**63), 2**63 - 1, 0.1, 1e300, "", "é", "a\nb", (), (1, ("x",)), {"k": (None,)}]
)
options = st.dictionaries(names, values, max_size=2)
links = st.builds(Link, names, names, names, names, names, options)
domains = st.builds(
    Domain, names, names, st.lists(st.builds(Instance, names, names), max_size=3).map(tuple), st.none(), options
)
plans = st.builds(
    Plan,
    names,
    names,
    st.lists(domains, min_size=1, max_size=3).map(tuple),
    st.lists(links, max_size=3).map(tuple),
    st.lists(
        st.builds(Template, names, domains, st.lists(links, max_size=2).map(tuple), st.none() | names), max_size=2
    ).map(tuple),
)


@given(plans)
def test_json_of_any_plan_and_back(plan):
    assert from_json(to_json(plan)) == plan
    assert from_plain(msgpack.unpackb(msgpack.packb(to_plain(plan)), strict_map_key=False)) == plan
