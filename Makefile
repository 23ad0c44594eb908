PYTHON ?= python

.PHONY: help check format lint types deps test strict slow golden accept structure words trust oldest beside packages site full

help:                ## show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

check: lint types deps test  ## all that CI runs

format:              ## rewrite the code in the house format
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

lint:                ## format and lint, changing nothing
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .

types:               ## static types
	$(PYTHON) -m mypy
	$(PYTHON) -m mypy --strict examples/*.py

deps:                ## every declared dependency is imported, every import declared
	$(PYTHON) -m deptry .

test:                ## the default tests: four minutes on two cores
	$(PYTHON) -m pytest

strict:              ## the same tests, and every warning of every package is an error
	$(PYTHON) -m pytest -o filterwarnings=error

slow:                ## the long tests: real training runs
	$(PYTHON) -m pytest -m slow

golden:              ## all numbers of 20 steps equal those of another commit to the bit: make golden BASE=<commit>
	$(PYTHON) -m tests.golden --against $(BASE)

accept:              ## rewrite the snapshots of the interface and the command line; look at the diff
	$(PYTHON) -m tests.snapshots

structure:           ## counts of files, circles, wirings and names
	$(PYTHON) tests/structure.py

words:               ## wording that readers stumble over, line by line
	$(PYTHON) tests/words.py

trust:               ## fifteen properties that users rely on: asked, measured; about ten minutes
	$(PYTHON) -m tests.trust

oldest:              ## the README's tests with the oldest versions that pyproject.toml allows, in a fresh environment
	rm -rf build/oldest && $(PYTHON) -m venv build/oldest
	$(PYTHON) tests/lower_bounds.py > build/oldest/constraints.txt
	build/oldest/bin/pip install -q -c build/oldest/constraints.txt -e ".[test]"
	build/oldest/bin/python -m pytest

beside:              ## our wheel beside the public package `labels`, installed in both orders
	$(PYTHON) tests/beside_labels.py

packages:            ## build source distribution and wheel, and run the tests of both; about ten minutes
	$(PYTHON) -m tests.built_packages

site:                ## the documentation site, in build/site; needs pip install -e ".[docs]"
	$(PYTHON) -m sphinx -q -W -b html docs build/site

full: check strict slow trust oldest beside  ## all of these; more than an hour
