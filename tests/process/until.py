"""Waiting for a condition, with a deadline; and looking at processes from outside."""

import os
import select
import time

import psutil

PATIENCE_S = 20.0


def until(condition, what="the condition", seconds=PATIENCE_S):
    """The first true answer of `condition`; AssertionError at the deadline."""
    limit = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < limit, f"{what} did not come to be within {seconds:g} s"
        select.select([], [], [], 0.002)  # a turn of this wait, not a guess about the other side
    return answer


def alive(pid):
    """Does this process live (a zombie does not)?"""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def gone(pids, seconds=PATIENCE_S):
    """Wait until all these processes are gone; how long that took."""
    start = time.monotonic()
    until(lambda: not any(map(alive, pids)), f"the end of {pids}", seconds)
    return time.monotonic() - start


def rows(machine):
    """The rows of `state` by domain."""
    return {row["domain"]: row for row in machine.state()["domains"]}


def pid_of(machine, name):
    """The pid of a domain."""
    return rows(machine)[name]["pid"]


def descriptors(pid):
    """How many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident(pid):
    """Resident bytes of a process."""
    return psutil.Process(pid).memory_info().rss


def family(machine):
    """Every process of a machine: root, zygote, domains."""
    found = {machine.root_pid}
    found |= {child.pid for child in psutil.Process(machine.root_pid).children(recursive=True)}
    return found


def stopped(pid):
    """Is the process stopped by SIGSTOP?"""
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED
