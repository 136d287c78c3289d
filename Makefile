# Everything is installed into .venv. This needs only Python 3.11 or later, git and make.
# `make PYTHON=/path/to/python3.12 setup` chooses the interpreter.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?=
CANDIDATES := $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14)
# Directories without Python files are left out: mypy calls them an error.
TYPED := $(patsubst %/,%,$(sort $(dir $(wildcard xw/*.py tests/*.py benchmarks/*.py docs/demo/*.py))))
ARGS ?=
# More workers than two cores need: the tests spend much of their time waiting for a link or a limit.
WORKERS ?= 6
PYTHON_OF_TESTS = $(BIN)/python

.PHONY: help setup tools demo demo-room schemas plugins test lint report check bench torture mutate test-agents format clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.dev ## make .venv with xw and every tool of its development

demo: $(VENV)/.run ## watch three agents write to each other (ARGS='--agent "claude -p"': real ones)
	$(BIN)/python docs/demo/demo.py $(ARGS)

demo-room: $(VENV)/.run ## watch three personalities talk in a room until its turns are used up
	$(BIN)/python docs/demo/room.py

test: setup tools ## run the test suite (ARGS="-k name" goes to pytest)
	$(PYTHON_OF_TESTS) -m pytest -n $(WORKERS) --maxschedchunk 4 $(ARGS)

lint: setup ## run ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(TYPED)
	$(BIN)/lint-imports --no-logo

report:
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# Measuring coverage takes a good part of the tests' time, so `make test` alone skips it.
check: PYTHON_OF_TESTS = $(BIN)/coverage erase && $(BIN)/coverage run
check: lint test report ## run all checks for a commit: lint, test, branch coverage

bench: setup ## run the measurements in benchmarks/
	$(BIN)/python -m benchmarks $(ARGS)

schemas: setup ## make docs/schemas from the types in xw/shapes
	$(BIN)/python -m tests.schemas.make

plugins: setup ## make integrations/ from what xw install writes
	$(BIN)/python -m tests.installing.make

mutate: setup tools ## remove each durable or ordering step once, and see a test fail (long)
	$(BIN)/python -m tests.mutations $(ARGS)

torture: setup tools ## run the fault campaigns at full size (long)
	$(BIN)/pytest -n 2 -m torture --timeout 3600 $(ARGS)

test-agents: setup tools ## test bridges to real agent programs (installs 3.7 GB into ~/.cache/xw-agents)
	$(BIN)/python -m tests.agents $(ARGS)

format: setup ## format the code, and fix lint errors that are safe to fix
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean: ## remove .venv and everything that the other targets made
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* \
	  .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find xw tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

tools:
	@.ci/tools

$(VENV)/.run: pyproject.toml
	@new='import sys; sys.exit(sys.version_info < (3, 11))'; \
	if ! $(BIN)/python -c "$$new" 2>/dev/null; then \
	  for python in $(CANDIDATES); do \
	    if "$$python" -c "$$new" 2>/dev/null; then \
	      echo "setup: $(VENV) with $$("$$python" --version)"; \
	      exec "$$python" -m venv --clear $(VENV); \
	    fi; \
	  done; \
	  echo "setup: no Python 3.11 or later among: $(CANDIDATES); install one, or name it: make PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
