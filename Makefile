# Two commands matter: `make bench` and `make test`. Each sets up what it needs.
SHELL := /bin/bash
PYTHON ?= python3
UV_VERSION := 0.13.9
MLFLEET := .venv/bin/mlfleet
SUITE ?= smoke
.PHONY: help bench test soak lint build data doctor clean
.DEFAULT_GOAL := help

help: ## Show this list
	@sed -n 's/^\([a-z%-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

bench: .venv/ready ## Set up, measure a suite and report: make bench SUITE=fleet (docker where an engine answers, else local processes)
	@echo "mlfleet: on 2 cores smoke takes about 12 minutes and 6 GB of disk from nothing, fleet an hour and 30 GB; built, 4 and 15 minutes"
	@$(MLFLEET) build --suite $(SUITE)
	-@$(MLFLEET) data --suite $(SUITE) >/dev/null
	@$(MLFLEET) run $(SUITE)

test: .venv/ready ## Set up and run every test (fleet tests need a docker engine)
	@bash tests/run.sh

# Whatever compose.yaml says is a service; another name is refused with the nearest that is one.
test-%: .venv/ready ## Contract tests of one service alone, on every runtime that is here: make test-linfa
	@bash tests/service.sh $*

soak: .venv/ready ## Runs killed and resumed at 36 instants drawn anew, on both runtimes (about 15 minutes)
	@for runtime in docker process; do .venv/bin/python -m pytest -q -s tests/fleet/test_killed.py --kills 12 --kill-seed $$RANDOM --runtime $$runtime || exit 1; done

lint: .venv/ready ## Linters, types, import rules, contract
	@bash tests/run.sh lint

build: .venv/ready ## Build every service that is not current
	@$(MLFLEET) build

data: .venv/ready ## Fetch the data sets that are missing, and list all
	@$(MLFLEET) data

doctor: .venv/ready ## Check this host
	@$(MLFLEET) doctor

clean: .venv/ready ## Remove images, local builds, fetched data, and the environment
	@$(MLFLEET) clean --data
	rm -rf .venv

.venv/ready: pyproject.toml uv.lock proto/python/pyproject.toml services/sdk/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "mlfleet needs Python 3.11 or newer; found: $$($(PYTHON) --version); try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 3; }
	@echo "mlfleet: making .venv (about 30 s and 700 MB)"
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv || { echo "mlfleet: python3 -m venv failed; on Debian: apt-get install python3-venv" >&2; exit 3; }
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@.venv/bin/uv sync --quiet --locked
	@touch $@
