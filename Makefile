# Everything a newcomer needs: `make run` to see it work, `make test` to see that it holds. `make help` lists the rest.
PYTHON ?= python3
PORT ?=
RUNBOOKS ?=
LOGS ?=
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup run test test-slow test-browser check format eval bench clean

help: ## List what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: .venv/ready ## Make .venv from the lock (needs Python 3.11 or newer with venv)

.venv/ready: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=/path/to/python3." >&2; exit 1; }
	@echo "Setting up .venv, once; this takes a minute or two ..." >&2
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --allow-existing --no-python-downloads --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv && \
	  VIRTUAL_ENV=.venv uv pip install --quiet --compile-bytecode --no-deps --require-hashes -r requirements-dev.lock && \
	  VIRTUAL_ENV=.venv uv pip install --quiet --no-deps --no-build-isolation --editable . ; \
	else \
	  $(PYTHON) -m venv .venv && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable . ; \
	fi
	@touch .venv/ready

run: setup ## Run the bot: in a local workspace, or in Slack if its tokens are set (RUNBOOKS=dir for your own, PORT=n)
	@$(if $(RUNBOOKS),$(BIN)/copilot sync "$(RUNBOOKS)")
	@exec $(BIN)/copilot run $(if $(PORT),--port $(PORT))

test: setup ## Run the tests (under 5 minutes)
	@$(BIN)/pytest -q -n 2 --dist loadfile -m "not slow and not browser and not alone"
	@$(BIN)/pytest -q -m "alone and not slow"

test-slow: setup ## Run the kills and soaks
	@$(BIN)/pytest -q -m slow

test-browser: setup ## Drive the page in a real Chromium (skipped where there is none)
	@$(BIN)/pytest -q -m browser

check: setup ## Format, lint, types, floors, docs
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/pytest -q tests/test_floors.py tests/test_docs.py

format: setup ## Format the code and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

eval: setup ## Print retrieval and abstention on our questions and yours (CORPUS=dir), and what scans find (LOGS=dir)
	@$(BIN)/python benchmarks/quality.py $(CORPUS)
	@$(if $(LOGS),$(BIN)/python benchmarks/anomalies.py "$(LOGS)")

bench: setup ## Print speed and memory: medians of three runs, with the load
	@$(BIN)/python benchmarks/speed.py $(CORPUS) $(if $(LOGS),--logs "$(LOGS)")

clean: ## Remove .venv and caches, never var/
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache .hypothesis
