"""Attackers, each a process of its own: python attacker.py CONTROL APP MODE ARGUMENTS.

A mode is a function of one of the modules by_*.py.  It writes one JSON object a line, and reads a line
where it waits for its test.
"""

import sys

import by_connections
import by_deadly
import by_floods
import by_nonsense

if __name__ == "__main__":
    modules = (by_connections, by_deadly, by_floods, by_nonsense)
    mode = next(vars(module)[sys.argv[3]] for module in modules if sys.argv[3] in vars(module))
    mode(*sys.argv[4:])
