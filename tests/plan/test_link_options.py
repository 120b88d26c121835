"""Options of links on a plan: what is put where, what is refused, and how it is shown."""

import json

import pytest

from microlith import System, kinds
from microlith.interface.status import UsageError
from microlith.plan import draw
from microlith.plan.options import parse, with_options, words
from microlith.plan.plan import Domain, Instance, Link, Plan, Template
from microlith.plan.transfer import from_json, to_json
from tests.conformance.test_conformance import ARCHITECTURES, assistants


def plan_of(architecture):
    return kinds.architecture(architecture)(assistants())


def options_of(plan):
    links = [*plan.links, *(link for template in plan.templates for link in template.links)]
    return {f"{link.client}.{link.slot}": link.options for link in links if link.options}


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("count", {"count": True}),
        ("count, trace,check,lock", {"count": True, "trace": True, "check": True, "lock": True}),
        ("hop:2", {"hop": 2.0}),
        ("hop:0.25,fault:Busy/3", {"hop": 0.25, "fault": "Busy/3"}),
        ("fault:Busy/003", {"fault": "Busy/3"}),
    ],
)
def test_parse_of_words_and_back(text, options):
    assert parse("a.b", text) == options
    assert parse("a.b", words(options)) == options


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cuont", "link a.b: no option is called 'cuont'; did you mean 'count'?"),
        (
            "",
            "link a.b: no option is called ''; write check, count, trace, lock, fault:STATUS/N and hop:MICROSECONDS",
        ),
        ("count:3", "link a.b: count is written count, not 'count:3'"),
        ("hop", "link a.b: hop is written hop:MICROSECONDS, not 'hop'"),
        ("hop:many", "link a.b: hop:many is no cost; write microseconds, more than 0, at most 1000000"),
        ("hop:0", "link a.b: hop:0 is no cost; write microseconds, more than 0, at most 1000000"),
        ("hop:nan", "link a.b: hop:nan is no cost; write microseconds, more than 0, at most 1000000"),
        (
            "fault:Busy",
            "link a.b: fault:Busy does not say which call fails; write fault:STATUS/N, with N at least 1",
        ),
        (
            "fault:Busy/0",
            "link a.b: fault:Busy/0 does not say which call fails; write fault:STATUS/N, with N at least 1",
        ),
        (
            "fault:/2",
            "link a.b: fault:/2 does not say which call fails; write fault:STATUS/N, with N at least 1",
        ),
    ],
)
def test_parse_of_a_mistake(text, said):
    with pytest.raises(UsageError) as refused:
        parse("a.b", text)
    assert str(refused.value) == said


def test_with_options_of_names_and_globs():
    found = options_of(
        with_options(plan_of("mach"), {"front.*": "count", "front.echo": "trace", "trace.echo": "check"})
    )
    assert found == {
        "front.echo": {"count": True, "trace": True},
        "front.maker": {"count": True},
        "front.waiter": {"count": True},
        "front.sink": {"count": True},
        "trace.echo": {"check": True},
    }


def test_with_options_reaches_templates_and_the_operator():
    made = with_options(plan_of("mach"), {"*": "count"})
    assert {link.options["count"] for t in made.templates for link in t.links} == {True}
    assert "operator.echo" in options_of(made)


def test_with_options_of_a_dict_is_that_of_its_text():
    plan = plan_of("mach")
    made = with_options(plan, {"front.echo": {"count": True, "hop": 3, "trace": False}})
    assert made == with_options(plan, {"front.echo": "count,hop:3"})


def test_with_options_adds_and_overrides_and_changes_nothing_else():
    plan = with_options(plan_of("mach"), {"front.echo": "hop:1,count"})
    assert options_of(with_options(plan, {"front.echo": "hop:5"})) == {"front.echo": {"hop": 5.0, "count": True}}
    assert with_options(plan, {}) == plan


@pytest.mark.parametrize("architecture", ARCHITECTURES[:2])
def test_lock_of_a_glob_is_put_on_the_direct_links(architecture):
    made = with_options(plan_of(architecture), {"*": "lock,count"})
    links = [*made.links, *(link for template in made.templates for link in template.links)]
    assert all(("lock" in link.options) == (link.path == "direct") and link.options["count"] for link in links)


@pytest.mark.parametrize(
    ("architecture", "links", "said"),
    [
        ("mach", {"front.ecko": "count"}, "assistants as mach has no link 'front.ecko'; did you mean 'front.echo'?"),
        (
            "mach",
            {"front.echo": "lock"},
            "link front.echo: lock is for direct links, and it is none in mach;"
            " a server behind a border handles one request at a time anyway",
        ),
        (
            "monolith",
            {"trace.*": "lock"},
            "link trace.*: lock is for direct links, and it is none in monolith;"
            " a server behind a border handles one request at a time anyway",
        ),
        (
            "mach",
            {"front.echo": "fault:Refusde/2"},
            "link front.echo: no operation behind it answers the status Refusde; did you mean 'Refused'?",
        ),
        (
            "mach",
            {"front.maker": "fault:Wrong/2"},
            "link front.maker: no operation behind it answers the status Wrong; there are Refused, ServerDied,"
            " DeadlineExceeded, Cancelled, Unavailable, Stale, NoRight, RankViolation, Busy and BadMessage",
        ),
        (
            "mach",
            {"front.echo": {"cuont": True}},
            "link front.echo: no option is called 'cuont'; did you mean 'count'?",
        ),
    ],
)
def test_with_options_of_a_mistake(architecture, links, said):
    with pytest.raises(UsageError) as refused:
        with_options(plan_of(architecture), links, assistants())
    assert str(refused.value) == said


def test_with_options_of_no_link_lists_what_there_is():
    with pytest.raises(UsageError, match=r"has no link 'x'; there are sink.echo, front.echo, .*, and those of the op"):
        with_options(plan_of("mach"), {"x": "count"})


def test_fault_may_be_a_status_of_an_object_that_comes_back():
    made = with_options(plan_of("mach"), {"front.maker": "fault:Refused/2"}, assistants())
    assert options_of(made) == {"front.maker": {"fault": "Refused/2"}}


def test_foreign_program_keeps_its_links():
    outside = Domain("other", "outside", (Instance("other", "other"),))
    plan = Plan(
        "mach", "s", (Domain("kernel", "kernel"), outside), (Link("other", "echo", "echo", "kernel", "zmq"),),
        (Template("own", Domain("own", "process"), (Link("own", "echo", "echo", "kernel", "zmq"),)),),
    )  # fmt: skip
    assert options_of(with_options(plan, {"*": "count"})) == {"own.echo": {"count": True}}
    with pytest.raises(UsageError, match=r"link other\.echo: other is a foreign program, which makes its calls itself"):
        with_options(plan, {"other.echo": "count"})


def test_options_in_every_form_of_a_plan():
    links = {"front.echo": "count,hop:2,fault:Busy/3", "trace.front": "trace"}
    made = with_options(plan_of("mach"), links, assistants())
    assert "kernel over zmq [count,hop:2,fault:Busy/3]" in draw.text(made)
    assert "calls front: kernel over zmq [trace]" in draw.text(made)
    assert '"echo: kernel/zmq [count,hop:2,fault:Busy/3]"' in draw.mermaid(made)
    assert '"front: kernel/zmq [trace]"' in draw.mermaid(made)
    assert {"count": True, "hop": 2.0, "fault": "Busy/3"} in [
        link["options"] for link in json.loads(to_json(made))["links"]
    ]
    assert from_json(to_json(made)) == made


def test_boot_refuses_before_anything_starts():
    from microlith import boot

    with pytest.raises(UsageError, match=r"has no link 'nobody\.there'"):
        boot(assistants(), "library", links={"nobody.there": "count"})
    with pytest.raises(UsageError, match="has no link"):
        boot(System("empty").server("echo", _echoes()), "mach", links={"files.disk": "count"})


def _echoes():
    from tests.conformance.parts import Echoes

    return Echoes
