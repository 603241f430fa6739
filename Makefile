# recstack. `make up` and `make test` are all a newcomer needs; each installs what it lacks.
PYTHON ?= python3
# An index with CPU builds of torch, when the default one has only larger builds: make up TORCH_INDEX=URL
TORCH_INDEX ?=
TORCH := torch==2.13.0
# A data set in var/data to serve, such as simulated, which is made when it is not there: make up DATA=simulated
DATA ?=

BIN := .venv/bin
INPUTS := pyproject.toml hatch_build.py $(shell find protos -name '*.proto')
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet

.PHONY: help setup up certs test test-unit test-compose check bench load demo-canary clean

help:
	@echo "make up         install what serving needs, then start the stack; Ctrl-C ends it (options: ARGS=--standalone, DATA=simulated)"
	@echo "make certs      a CA and certificates for trying TLS (options: ARGS=FOLDER); then: make up ARGS='--tls var/tls'"
	@echo "make test       check, then every test"
	@echo "make test-unit  the fast tests: unit and contract"
	@echo "make test-compose  the stack in containers; needs a running Docker engine"
	@echo "make check      ruff, format, types, import rules"
	@echo "make bench      throughput and latency of both placements, as a table"
	@echo "make load       a load on the stack that runs, its SLOs checked, with a report (options: ARGS='--rate 100', DATA=simulated)"
	@echo "make demo-canary  good and bad releases rolled out to simulated people, some 6 minutes (options: ARGS='--only slow')"
	@echo "make setup      install everything and start nothing"
	@echo "make clean      remove .venv, caches, stubs and everything under var/"

setup: .venv/.development

up: .venv/.runtime
	@exec $(BIN)/recstack up $(if $(DATA),--data var/data/$(DATA)) $(ARGS)

certs: .venv/.runtime
	@$(PIP) -e '.[tls]'
	@$(BIN)/recstack certs $(ARGS)

test: check
	$(BIN)/pytest -n 2 --dist loadgroup tests/unit tests/contract tests/integration tests/fuzz
	$(BIN)/pytest --timeout 900 tests/e2e  # may fetch the data and train a release first

test-unit: .venv/.development
	$(BIN)/pytest -n 2 --dist loadgroup tests/unit tests/contract

test-compose: .venv/.development
	$(BIN)/pytest --timeout 1800 tests/compose  # builds images and trains a release first

check: .venv/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.development
	$(BIN)/python -m tests.bench.placements

load: .venv/.development
	@exec $(BIN)/recstack load $(if $(DATA),--world var/data/$(DATA)) $(ARGS)

demo-canary: .venv/.development
	@exec $(BIN)/python -m loadtest.canary $(ARGS)

clean:
	rm -rf .venv gen var build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "recstack needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
		  echo "  Install one and name it: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "  On Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }

# torch first and on its own: pip then takes the build that its index names, not the newest.
.venv/.runtime: .venv/bin/python $(INPUTS)
	@echo "installing torch, needed for training only ..."
	@$(PIP) $(TORCH) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	@echo "installing recstack ..."
	@$(PIP) -e '.[train,local]'
	@touch $@

.venv/.development: .venv/.runtime
	@echo "installing the tools for development ..."
	@$(PIP) -e '.[train,local,load,tls,dev]'
	@touch $@
