# Everything a fresh machine needs is Python 3.11 (or later) and make: the targets set up .venv themselves
# and use it again as long as pyproject.toml has not changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
QUIET := --quiet --disable-pip-version-check
JOBS ?= 2

.PHONY: compare test check bench clean help

help:
	@echo "make compare   the same system as every architecture, measured"
	@echo "make test      format, types, tests"
	@echo "make bench     mach against a bare ZeroMQ loop, and the other benchmarks"
	@echo "make clean     remove .venv and what tools left"

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "microlith needs Python 3.11 or later; say which with: make PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); echo "cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@touch $@

$(VENV)/.run: $(VENV)/.python pyproject.toml
	$(BIN)/python -m pip install $(QUIET) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run pyproject.toml
	$(BIN)/python -m pip install $(QUIET) -e '.[dev]'
	@touch $@

compare: $(VENV)/.run
	$(BIN)/microlith compare $(ARGS)

test: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -n $(JOBS) --dist worksteal -q $(ARGS)

bench: $(VENV)/.dev
	$(BIN)/python -m bench.ipc
	$(BIN)/pytest bench --benchmark-only -q $(ARGS)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks build dist *.egg-info
