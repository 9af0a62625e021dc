# Set-up, tests and the demo. Everything runs from .venv, which `make setup` makes with a plain python3.

PYTHON ?= python3
VENV_PYTHON := .venv/bin/python
PYTEST := $(VENV_PYTHON) -m pytest
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo ui docs test test-slow test-kill test-lab check format lock bench bench-gpu bench-large bench-scale peers clean
.NOTPARALLEL:

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

setup: ## make .venv from requirements.lock (6 GB, once; nothing to do the second time)
	@$(PYTHON) tools/bootstrap.py

demo: setup ## a whole sweep on embedded radiographs: training, uncertainty, explanations, report
	@.venv/bin/orchestrator sweep demo $(ARGS)

ui: setup ## the MLflow pages of your sweeps, on this machine only
	@.venv/bin/orchestrator ui $(ARGS)

docs: setup ## the documentation as a site of its own in site/, built without a network
	@NO_MKDOCS_2_WARNING=1 $(VENV_PYTHON) -m mkdocs build --strict --quiet
	@echo "site/index.html; with search: $(VENV_PYTHON) -m http.server --bind 127.0.0.1 --directory site"

test: setup ## the tests, a few minutes; ARGS="-k laplace" picks some
	@$(PYTEST) -n 2 --dist loadfile -m "not slow and not kill and not lab" $(ARGS)

test-slow: setup ## the tests that take minutes each
	@$(PYTEST) -m "slow and not kill and not lab" $(ARGS)

test-kill: setup ## kill drivers at random moments and look for damage
	@$(PYTEST) -m kill -s $(ARGS)

test-lab: setup ## several hosts on this machine that lose power and links; as root, half an hour
	@$(PYTEST) -m lab -s $(ARGS)

check: setup ## style, types, the floors between the packages, and what must not be in the tree
	@$(VENV_PYTHON) -m ruff check --quiet .
	@$(VENV_PYTHON) -m ruff format --check --quiet . || { echo "check: run 'make format'" >&2; exit 1; }
	@$(VENV_PYTHON) -m mypy
	@.venv/bin/lint-imports --no-logo
	@$(VENV_PYTHON) tools/check_tree.py

format: setup ## put the code into its form
	@$(VENV_PYTHON) -m ruff check --quiet --fix .
	@$(VENV_PYTHON) -m ruff format --quiet .

lock: ## write requirements.lock anew from pyproject.toml, keeping what still fits
	@test -x .venv/bin/uv || { echo "lock: run 'make setup' first" >&2; exit 2; }
	@.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --extra dev --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links pyproject.toml -o requirements.lock

bench: setup ## our costs against those of the libraries
	@$(VENV_PYTHON) -m benchmarks $(ARGS)

bench-gpu: setup ## training, losses and explanations on a GPU; without one, small on the CPU
	@$(VENV_PYTHON) -m benchmarks gpu $(ARGS)

bench-large: setup ## 50,000 images decoded and read: seconds and memory
	@$(VENV_PYTHON) -m benchmarks data-large $(ARGS)

peers: setup ## our explanations beside pytorch-grad-cam and Quantus, which are put into .peers: equality and speed
	@.venv/bin/uv pip install --quiet --python $(VENV_PYTHON) --target .peers --no-deps -r benchmarks/peers.txt
	@PYTHONPATH=.peers:. $(PYTEST) -q tests/trainables/explain/test_peers.py $(ARGS)
	@PYTHONPATH=.peers:. $(VENV_PYTHON) -m benchmarks peers

bench-scale: setup ## 1,000 trials that only sleep: what the orchestration costs (SCALE_TRIALS=... for less)
	@$(VENV_PYTHON) -m benchmarks scale $(ARGS)

clean: ## remove caches and the site; .venv and runs stay
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build site ./*.egg-info
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
