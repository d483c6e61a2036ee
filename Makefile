# Each target sets up what it needs in .venv; a stamp file per step remembers what is done.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
# pip shows its progress to a person, and keeps quiet in logs.
PIP := $(BIN)/python -m pip --disable-pip-version-check $(shell test -t 2 || echo --quiet)
# The first interpreter that runs and has a version we support; a name on the PATH may be an empty shim.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do $$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)
PYTEST := TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 $(BIN)/python -m pytest -q -n auto --maxprocesses 8
OP_SOURCES := $(wildcard tfmed/ops/cc/*) tfmed/ops/build.py
DEMO ?= demo

.PHONY: help demo test test-slow test-peers lint format wheel-smoke sanitize lock clean

help: ## Show the targets.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(VENV)/.tfmed ## Go through the main job on studies made here; results in ./demo.
	$(BIN)/tfmed demo $(DEMO)

test: $(VENV)/.test $(VENV)/.tfmed ## Run the tests.
	$(PYTEST)

test-slow: $(VENV)/.test $(VENV)/.tfmed ## Run the tests that need minutes.
	$(PYTEST) -m slow

test-peers: $(VENV)/.peers $(VENV)/.tfmed ## Compare with torch, MONAI, TorchIO and the like.
	$(PYTEST) -m peers

lint: $(VENV)/.test $(VENV)/.tfmed ## Check style, formatting and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy tfmed zoo tools

format: $(VENV)/.test ## Format the code.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel-smoke: $(VENV)/.demo ## Build a wheel, install it into an empty environment, use it there.
	rm -rf build dist .venv-smoke
	$(PIP) wheel --no-build-isolation --no-deps --wheel-dir dist .
	$(BIN)/python -m venv .venv-smoke
	.venv-smoke/bin/python -m pip --disable-pip-version-check --quiet install -r requirements/demo.lock dist/*.whl
	cd / && $(CURDIR)/.venv-smoke/bin/python $(CURDIR)/tests/smoke.py
	rm -rf .venv-smoke

sanitize: $(VENV)/.test $(VENV)/.tfmed ## Run the op's tests under AddressSanitizer and UndefinedBehaviorSanitizer.
	PYTHON=$(BIN)/python tests/ops/sanitize.sh

lock: ## Pin anew what the targets install, from clean environments.
	PYTHON=$(PYTHON) requirements/lock.sh

clean: ## Remove what was built; .venv and demo stay.
	rm -rf build dist *.egg-info tfmed/ops/*.so
	rm -f $(VENV)/.tfmed

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "tfmed needs Python 3.11, 3.12 or 3.13 on the PATH."; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { echo "Install Python's venv module (Debian: python3-venv)."; exit 1; }
	@touch $@

$(VENV)/.demo: requirements/demo.lock $(VENV)/.python
	@echo "Installing pinned packages (TensorFlow is large; a few minutes the first time)"
	@$(PIP) install -r requirements/demo.lock
	@touch $@

$(VENV)/.test: requirements/test.lock $(VENV)/.demo
	@echo "Installing what the tests need"
	@$(PIP) install -r requirements/test.lock
	@touch $@

$(VENV)/.peers: $(VENV)/.test
	$(PIP) install -c requirements/test.lock $$($(BIN)/python requirements/extra.py peers)
	$(PIP) install --no-deps "panoptica>=2.1" brats-evaluation
	@touch $@

$(VENV)/.tfmed: pyproject.toml setup.py $(OP_SOURCES) $(VENV)/.demo
	@echo "Installing tfmed and compiling its op"
	@$(PIP) install --no-build-isolation --no-deps -e .
	@touch $@
