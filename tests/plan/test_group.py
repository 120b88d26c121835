"""Grouping: domains merged, links inside made direct; what cannot be grouped; ranks of domains."""

from dataclasses import replace

import pytest

from microkernel.plans import mach, mach25
from microlith import UsageError
from microlith.plan.group import groupable, grouped, homes, levels, planned
from microlith.system.check import check
from microlith.system.systemfile import load
from monolith.plans import library, monolith
from tests.conformance.test_conformance import assistants


@pytest.fixture
def unix():
    return load("unix")


def names(plan):
    return [domain.name for domain in plan.domains]


def test_groups_stand_where_their_first_server_stood(unix):
    plan = grouped(mach(unix), [["log", "disk"], ["files"], ["clock", "console"]])
    assert names(plan) == ["kernel", "log+disk", "files", "clock+console", "names"]
    assert [i.name for i in plan.domains[1].instances] == ["log", "disk"]
    assert plan.links == mach(unix).links
    assert plan.templates == mach(unix).templates


def test_links_inside_a_group_are_direct(unix):
    plan = grouped(mach(unix), [["disk", "files"]])
    assert [(link.client, link.server, link.path, link.transport) for link in plan.links] == [
        ("files", "disk", "direct", "")
    ]
    assert all(link.path == "kernel" for template in plan.templates for link in template.links)


def test_no_groups_change_nothing(unix):
    for groups in ([], [["disk"], ["names"]]):
        assert grouped(mach(unix), groups) == mach(unix)


@pytest.mark.parametrize("architecture", [library, monolith, mach25])
def test_plans_that_put_servers_together_are_not_grouped(architecture, unix):
    assert not groupable(architecture(unix))
    with pytest.raises(UsageError, match=f"^{architecture.__name__} puts servers together itself; "):
        planned(unix, architecture, [["disk", "files"]])
    own = replace(unix, domains=(("disk", "files"),))
    assert planned(own, architecture) == architecture(unix)  # the file's own wish is for those that can


def test_group_is_not_grouped_again(unix):
    with pytest.raises(UsageError, match="puts servers together itself"):
        grouped(grouped(mach(unix), [["disk", "files"]]), [["clock", "log"]])


def test_apps_are_not_grouped():
    system = assistants()
    system = replace(system, apps={"trace": replace(system.apps["trace"], on_boot=True)})
    with pytest.raises(UsageError, match=r"^the domains name the app 'trace'; they group servers only"):
        grouped(mach(system), [["echo", "trace"]])


def test_the_systems_own_domains_are_taken_unless_others_are_given(unix):
    own = replace(unix, domains=(("disk", "files"),))
    check(own)
    assert names(planned(own, mach))[1] == "disk+files"
    assert names(planned(own, mach, [["clock", "log"]]))[1:4] == ["disk", "files", "clock+log"]
    assert planned(own, mach, []) == mach(unix)


def test_domains_that_call_each_other_in_a_circle_are_refused():
    system = assistants()
    said = r"the domains call each other in a circle, echo\+top -> (front|sink) -> echo\+top; "
    with pytest.raises(UsageError, match=said):
        planned(system, mach, [["echo", "top"]])
    with pytest.raises(UsageError, match=said.replace("the domains call", "plan.domains makes domains call")):
        check(replace(system, domains=(("echo", "top"),)))


def test_domain_ranks_with_its_highest_server_and_above_what_it_calls():
    system = assistants()
    assert levels(system, mach(system)) == {"echo": 0, "maker": 0, "waiter": 0, "sink": 1, "front": 2, "top": 3}
    plan = grouped(mach(system), [["maker", "sink"], ["waiter", "front"]])
    assert levels(system, plan) == {"echo": 0, "maker+sink": 1, "waiter+front": 2, "top": 3}
    plan = grouped(mach(system), [["echo", "sink", "maker"]])
    assert levels(system, plan) == {"echo+sink+maker": 1, "waiter": 0, "front": 2, "top": 3}


def test_servers_of_a_root_count_each_for_itself(unix):
    assert set(homes(unix, monolith(unix)).values()) == set(unix.servers)
    assert homes(unix, mach25(unix))["log"] == "files+log+names"


def test_drivers_of_mach25_have_a_device_and_call_nobody(unix):
    assert [i.name for i in mach25(unix).root.instances] == ["disk", "clock", "console"]
    assert mach25(load("five")).root.instances == ()
