# The whole project from a fresh machine: python3 (3.11 or newer, with venv) and make.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install run test lint bench soak format docs lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/installed ## the environment in .venv, from the hash-locked requirements.txt

run: .venv/installed ## demo mode on http://127.0.0.1:8000 (HOST=0.0.0.0 to reach it from a handset)
	@FLASK_SKIP_DOTENV=1 OTP_DEMO=$${OTP_DEMO:-1} \
	    OTP_PUBLIC_URL=$${OTP_PUBLIC_URL:-http://127.0.0.1:$(PORT)} \
	    exec $(BIN)/flask serve --host $(HOST) --port $(PORT)

test: .venv/installed-dev chromium lint ## lint, types and every test
	@$(MAKE) --no-print-directory --keep-going -j3 --output-sync=target \
	    test-fuzz test-process test-rest

# Side by side: the processes of the second mostly wait for each other.
.PHONY: test-fuzz test-process test-rest
test-fuzz test-process test-rest: .venv/installed-dev
	@$(BIN)/python -m pytest -m "$(TESTS_$(@:test-%=%))"
TESTS_fuzz := fuzz
TESTS_process := process and not fuzz
TESTS_rest := not process and not fuzz

lint: .venv/installed-dev ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: .venv/installed ## pairs of start and check a second, beside a bare Flask (ARGS=--quick)
	@$(BIN)/python -m bench $(ARGS)

soak: .venv/installed-dev ## faults drawn from a seed against handsets' ledger, 10,000 sends; then a full queue (ARGS=--seed 2)
	@$(BIN)/python -m tests.soak $(ARGS)
	@$(BIN)/python -m tests.soak --drain 3

format: .venv/installed-dev ## let ruff rewrite what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: .venv/installed ## write docs/settings.md anew from the settings
	@FLASK_SKIP_DOTENV=1 OTP_DEMO=1 $(BIN)/flask settings --markdown > docs/settings.md.new
	@mv docs/settings.md.new docs/settings.md

lock: .venv/installed-dev ## requirements*.txt anew from pyproject.toml
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header \
	    --upgrade pyproject.toml -o requirements.txt
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header \
	    --upgrade pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt

clean: ## remove .venv and every cache
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Python 3.11 or newer is needed; set PYTHON=…"; exit 1; }
	@$(PYTHON) -m venv .venv \
	    || { echo "python3 has no venv module; on Debian: apt install python3-venv"; exit 1; }
	@touch $@

.venv/installed: .venv/python requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	    -r requirements.txt
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	    -r requirements-dev.txt
	@touch $@

.PHONY: chromium
chromium: # the browser of the page tests: an installed one, else Debian's
	@test -n "$$OTP_TEST_CHROMIUM" \
	    || (for name in chromium chromium-browser google-chrome; do \
	            command -v $$name >/dev/null && exit 0; done; exit 1) \
	    || { command -v apt-get >/dev/null && test "$$(id -u)" = 0 \
	         && { apt-get install -y -qq chromium >/dev/null 2>&1 \
	              || { apt-get update -qq && apt-get install -y -qq chromium >/dev/null; }; }; } \
	    || { echo "The page tests need Chromium: install it, or name it in OTP_TEST_CHROMIUM."; exit 1; }
