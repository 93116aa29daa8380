# Everything a person or the CI does here. `make demo` first; `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
UV_VERSION := 0.13.9
DEMO_HOME ?= var/demo
PORT ?= 8080
BIN := .venv/bin
STAMP := .venv/.installed

# Without byte-code every start of Python compiles Airflow anew, seconds per task.
unexport PYTHONDONTWRITEBYTECODE
# The environment is what requirements.lock says, whatever else is on the caller's path.
unexport PYTHONPATH

.PHONY: help env demo airflow test lint check lock clean coverage bench screenshots

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

env: $(STAMP)  ## .venv with exactly the packages of requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@echo "Environment: some 160 packages into .venv, about a minute with a good line"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' \
		|| { echo "Python 3.11 or 3.12 is needed: make env PYTHON=python3.11"; exit 1; }
	$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --require-hashes --compile-bytecode -r requirements.lock
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --no-deps -e .
	touch $@

demo: env  ## a synthetic study of four clinics, its nights run by Airflow, reports
	$(BIN)/python tools/play_nights.py --home $(DEMO_HOME)

airflow: env  ## Airflow's pages with the demo's study in them, until Ctrl-C
	$(BIN)/python tools/local_airflow.py --home $(DEMO_HOME) --port $(PORT)

test: env  ## the whole suite, in two processes
	$(BIN)/python -m pytest -n 2 --dist loadgroup

lint: env  ## style, import layers, generated files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/backstep derive --check

check:  ## what the CI runs
	.ci/run

screenshots: env  ## the pictures of docs/images, of the demo's pages (needs chromium)
	$(BIN)/python tools/screenshots.py --home $(DEMO_HOME)

lock:  ## requirements.lock anew from pyproject.toml: versions and hashes only
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --group dev \
		pyproject.toml -o requirements.lock

clean:  ## the demo and every cache; .venv stays
	rm -rf $(DEMO_HOME) .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

coverage: env  ## planted effects against the reports' intervals over 400 seeds, then every interval and test over 1,000 trials
	$(BIN)/python -m pytest -m slow tests/synthetic/test_coverage.py -s -q
	$(BIN)/python benchmarks/operating_characteristics.py

bench: env  ## the night and a day of wearables beside what a user would use instead; those get an environment of their own
	test -x .venv-bench/bin/python || $(BIN)/python -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet 'dlt[duckdb]==1.*' pyarrow
	$(BIN)/python benchmarks/night.py --dlt-python .venv-bench/bin/python
	.venv-bench/bin/python -m pip install --quiet mobgap==1.2.0 scikit-digital-health lightgbm cwa-reader-rs actipy pygt3x
	$(BIN)/python benchmarks/wearables.py --peers-python .venv-bench/bin/python
