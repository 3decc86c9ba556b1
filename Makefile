# `make demo`: a simulated company from raw files to offers. `make test`: every test. Both set up `.venv` first.
SHELL := /bin/bash
.DEFAULT_GOAL := demo
PYTHON ?= python3
CUSTOMERS ?= 10000
MONTHS ?= 18
IN_ENV := source .envrc &&

.PHONY: setup demo test lint clean

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	$(IN_ENV) ml simulate --customers $(CUSTOMERS) --months $(MONTHS)
	$(IN_ENV) dbt build --quiet
	$(IN_ENV) feast apply
	$(IN_ENV) feast materialize-incremental "$$(ml as-of)"
	$(IN_ENV) ml train
	$(IN_ENV) ml evaluate
	$(IN_ENV) ml score
	$(IN_ENV) dbt build --quiet --select source:scores+
	$(IN_ENV) ml publish
	$(IN_ENV) ml report

test: setup
	$(IN_ENV) pytest

lint: setup
	$(IN_ENV) ruff check . && ruff format --check .
	$(IN_ENV) mypy
	$(IN_ENV) tests/lint_sql.sh

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
