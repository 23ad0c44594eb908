PYTHON ?= python

.PHONY: help check format lint types test slow

help:                ## show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

check: lint types test  ## all that CI runs

format:              ## rewrite the code in the house format
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

lint:                ## format and lint, changing nothing
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .

types:               ## static types
	$(PYTHON) -m mypy

test:                ## the tests that end in three minutes
	$(PYTHON) -m pytest

slow:                ## the long tests: real training runs
	$(PYTHON) -m pytest -m slow
