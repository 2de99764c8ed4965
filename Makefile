# Everything a contributor runs. Bare `make` lists the targets; each sets up its own virtual environment.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help demo test conformance check format bench docs clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 13

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("netpol needs Python 3.11 or newer; try: make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	@echo "Installing into $(VENV); that takes a minute or two, in silence"
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group test --group check --group bench
	@touch $@

demo: $(INSTALLED) ## the main job on samples/shop: flows in, three policy sets and their certificate out
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash samples/demo.sh

test: $(INSTALLED) ## the whole test suite
	$(BIN)/python -m pytest -n auto $(ARGS)

check: $(INSTALLED) ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(INSTALLED) ## put the code into its one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

conformance: $(INSTALLED) ## agreement with the real engines, in counts (part of test; needs the reference data)
	$(BIN)/python -m pytest tests/conformance -s $(ARGS)

bench: $(INSTALLED) ## speed and memory as ratios against named baselines in the same run
	$(BIN)/python tests/bench/ingest.py $(ARGS)
	$(BIN)/python tests/bench/evaluate.py
	$(BIN)/python tests/bench/analyzers.py
	$(BIN)/python tests/bench/attribution.py
	$(BIN)/python tests/bench/synthesize.py
	$(BIN)/python tests/bench/packets.py
	$(BIN)/python tests/bench/relay.py
	$(BIN)/python tests/bench/live.py
	$(BIN)/python tests/bench/store.py

docs: $(INSTALLED) ## regenerate the reference pages that are made from the code
	$(BIN)/python -m pytest --update tests/test_docs.py

clean: ## remove the virtual environment and what the targets made
	rm -rf $(VENV) out .bench .pytest_cache .mypy_cache .ruff_cache .hypothesis
