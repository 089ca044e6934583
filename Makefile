# Pillarbox: what people type. `make` alone explains the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FLASK := $(BIN)/flask --app wsgi
# Much of a test is waiting, for silent servers and for processes to start.
WORKERS ?= $(shell echo $$((5 * $$(getconf _NPROCESSORS_ONLN) / 2)))
BENCHES ?= check_cost api fleet storage
# Where `make clients` puts them.
CLIENTS ?= build/clients
PATHS := app bench clients migrations release tests wsgi.py gunicorn.conf.py

# Where an environment forbids Python to keep what it compiles, each of the many processes that the tests start
# would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install run test soak crash fuzz false-alarms fault-report bench lint types imports check migration clients try-clients licences audit

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## Make .venv with the pinned packages

$(STAMP): requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $(STAMP)

run: install ## Run everything: database, web, scheduler; Ctrl-C ends it
	@$(FLASK) up

test: install ## Run all tests that this machine can run; ARGS="-k name" for some
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

soak: install ## 20,000 checks over all faulty servers: nothing may stay behind
	@$(BIN)/python -m bench.faults.soak $(ARGS)

crash: install ## Kill processes, stop databases, fill a disk, set the clock; ARGS="--rounds 3 --seed 7" for some
	@$(BIN)/python -m bench.crash $(ARGS)

fuzz: install ## Send requests made from the OpenAPI document, others each time; ARGS="-k boundary" for some
	@HYPOTHESIS_PROFILE=new $(BIN)/python -m pytest -n $(WORKERS) tests/fuzzing $(ARGS)

false-alarms: install ## Simulate 500 mailboxes for 30 days: outages found, false alarms; ARGS="--days 3 --seed 7" for some
	@$(BIN)/python -m bench.false_alarms $(ARGS)

fault-report: install ## Show the faults to other monitors too, and write docs/fault-report.md
	@$(BIN)/python -m bench.faults.report $(ARGS)

bench: install ## Measure, and write bench/results; BENCHES=check_cost ARGS="--rounds 3" for some
	@for bench in $(BENCHES); do $(BIN)/python -m bench.$$bench $(ARGS) || exit; done

clients: install ## Generate a Python and a TypeScript client from the OpenAPI document into build/clients
	@mkdir -p $(CLIENTS)/typescript
	@$(FLASK) openapi write $(CLIENTS)/openapi.json
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/openapi-python-client generate --path $(CLIENTS)/openapi.json \
		--config clients/python/generator.yml --output-path $(CLIENTS)/python --overwrite --fail-on-warning
	@cp clients/python/watch.py $(CLIENTS)/python/
	@cp clients/typescript/* $(CLIENTS)/typescript/
	@cd $(CLIENTS)/typescript && npm install --no-package-lock --no-audit --no-fund --loglevel=error && npm run --silent generate

try-clients: install ## Run the example programs of docs/clients.md with the clients that `make clients` made
	@PYTHONPATH=$(CLIENTS)/python $(BIN)/python $(CLIENTS)/python/watch.py
	@cd $(CLIENTS)/typescript && npm run --silent build && node dist/watch.js

licences: install ## Write docs/licences.md, what the packages are licensed under
	$(BIN)/python -m release.licences

audit: install ## Report known vulnerabilities of the packages; fails nothing
	@$(BIN)/python -m release.audit

lint: install ## Check style and formatting
	$(BIN)/ruff check $(PATHS)
	$(BIN)/ruff format --check $(PATHS)

types: install ## Check types
	$(BIN)/mypy

imports: install ## Check who imports whom (setup.cfg)
	$(BIN)/lint-imports

check: lint types imports test ## All of the above

migration: install ## Draft a migration: make migration m="add tags"; then edit it by hand
	@test -n "$(m)" || { echo 'say what it does: make migration m="add tags"'; exit 2; }
	$(FLASK) db revision --autogenerate -m "$(m)" \
		--rev-id $$(printf '%04d' $$(( 1 + $$(ls migrations/versions | grep -c '^[0-9]\{4\}_') )))
