# `make demo`: a simulated company from raw files to offers. `make test`: every test. Both set up `.venv` first.
SHELL := /bin/bash
.DEFAULT_GOAL := demo
PYTHON ?= python3
CUSTOMERS ?= 8000
MONTHS ?= 18
IN_ENV := source .envrc &&

.PHONY: setup demo test check lint clean

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	.venv/bin/python -m compileall -q ml feature_repo tests
	touch $@

demo: setup
	$(IN_ENV) ml simulate --customers $(CUSTOMERS) --months $(MONTHS)
	$(IN_ENV) dbt build --quiet
	$(IN_ENV) feast apply
	$(IN_ENV) ml train
	$(IN_ENV) feast apply
	$(IN_ENV) ml materialize
	$(IN_ENV) ml evaluate
	$(IN_ENV) ml score
	$(IN_ENV) dbt build --quiet --select source:scores+
	$(IN_ENV) ml publish
	$(IN_ENV) ml report
	@$(IN_ENV) echo && echo "Scores:  $$ALMANAC_HOME/warehouse.duckdb  (scores.scores, marts.fct_scores)" \
	  && echo "Marts:   $$ALMANAC_HOME/published.duckdb  (mart_segments, mart_offers, …)" \
	  && echo "Report:  $$ALMANAC_HOME/report.html"

test: setup
	$(IN_ENV) pytest --numprocesses 2 --dist loadfile

# The quick loop: lint, types, and the tests of what changed, as many as a minute allows.
check: setup
	$(IN_ENV) ruff check . && ruff format --check .
	$(IN_ENV) mypy
	$(IN_ENV) python -m pytest -q -p tests.changed --seconds 60 tests

lint: setup
	$(IN_ENV) ruff check . && ruff format --check .
	$(IN_ENV) mypy
	$(IN_ENV) tests/lint_sql.sh

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
