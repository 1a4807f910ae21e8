# What a person or a build server types. Each target is one command; how to install is in scripts/bootstrap.sh.

bin := .venv/bin
installed := .venv/installed
# Options of `make lock`: --upgrade takes the newest versions, --upgrade-package NAME one of them.
LOCK_OPTIONS ?=
# How many processes share the tests; tests that go on from each other stay together.
TEST_PROCESSES ?= 2
# Worlds of `make fuzz`, and the seed of the first; each takes about half a minute.
FUZZ_WORLDS ?= 300
FUZZ_SEED ?= 3
# Order lines of the distributors that are measured.
BENCH_LINES ?= 1000000 10000000

# Every process imports thousands of modules; where compiling them for the next one is forbidden, each does it anew.
unexport PYTHONDONTWRITEBYTECODE

# A Chromium that is not on the PATH.
export BROWSER_COMMAND

# What `make bench` measures; the last ones want a machine that does nothing else.
BENCHES := bench-edi bench-landing bench-sizes bench-intake bench-full bench-micro-batch bench-engines bench-peers \
	bench-corrections bench-console bench-latency bench-soak

.DEFAULT_GOAL := help
.PHONY: help run up test test-slow test-spark test-systems browser fuzz fuzz-deliveries lint format docs docs-screens docs-faults docs-certificates bench $(BENCHES) bench-plots deploy-check lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(installed) ## Run the whole loop once against the simulated distributor
	$(bin)/fulfillment run --demo

up: $(installed) ## Keep the live deployment running until Ctrl-C
	$(bin)/fulfillment up

test: lint browser ## Run everything a change must pass: lint, then the tests
	$(bin)/pytest --numprocesses $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder

test-slow: $(installed) ## Run the tests that take minutes each
	$(bin)/pytest -m slow

test-systems: $(installed) ## Install, start and reconcile every real system the product is tried on; minutes when cold
	ALL_REAL_SYSTEMS=1 $(bin)/pytest fulfillment_pipelines_tests/real_systems

test-spark: $(installed) ## Run every case of every rule on Sail, then every rule and model on Apache Spark
	$(bin)/pytest -m 'slow or not slow' fulfillment_pipelines_tests/spark
	scripts/test_spark.sh

browser: ## Find the Chromium that the browser tests drive, or install it as root
	@scripts/browser.sh

fuzz: $(installed) ## Compare incremental with full runs in many random worlds; hours
	FUZZ_WORLDS=$(FUZZ_WORLDS) FUZZ_SEED=$(FUZZ_SEED) $(bin)/pytest fulfillment_pipelines_tests/flow/incremental

fuzz-deliveries: $(installed) ## Kill a worker at every line, and search long for an order of events that doubles an effect; hours
	KILL_LINES_APART=1 DELIVERY_MODEL_EXAMPLES=2000 $(bin)/pytest --numprocesses $(TEST_PROCESSES) --dist load \
		-o faulthandler_timeout=36000 \
		fulfillment_pipelines_tests/faults/test_delivery_kill.py fulfillment_pipelines_tests/faults/test_delivery_model.py

lint: $(installed) ## Check style, types and imports
	$(bin)/ruff check
	$(bin)/ruff format --check
	$(bin)/mypy
	$(bin)/lint-imports

format: $(installed) ## Rewrite the code in the house style
	$(bin)/ruff check --fix
	$(bin)/ruff format

docs: $(installed) ## Write anew what the documents take from the code: the tables, the schemas
	$(bin)/fulfillment rules table --into README.md
	$(bin)/fulfillment config schemas --into data/seeds/schemas
	$(bin)/fulfillment policy matrix --into docs/decision-rights.md
	$(bin)/fulfillment messages schemas --into data/messages
	WRITE_SYSTEMS_TABLE=1 $(bin)/pytest -q fulfillment_pipelines_tests/repo/test_systems_table.py

docs-screens: $(installed) browser ## Take the screenshots of docs/screens anew, light and dark
	WRITE_SCREENS=1 $(bin)/pytest fulfillment_pipelines_tests/browser

docs-faults: $(installed) ## Write docs/faults.md anew from the tests that inject the faults
	WRITE_FAULTS_TABLE=1 $(bin)/pytest fulfillment_pipelines_tests/faults

docs-certificates: $(installed) ## Certify every real system anew into docs/certificates; ten minutes
	$(bin)/python -m scripts.real_systems.certificates

bench: $(BENCHES) bench-plots ## Measure everything of bench/README.md anew and write bench/results; hours

bench-full: $(installed) ## Measure a whole loop over BENCH_LINES order lines, and over a million with 1 GB; gigabytes of disk
	$(bin)/python -m bench.full_reconcile --lines $(BENCH_LINES) --memory-limit 4GB
	$(bin)/python -m bench.full_reconcile --lines 1000000 --memory-limit 1GB

bench-micro-batch: $(installed) ## Measure 1,000 changed order lines against 100,000 and BENCH_LINES order lines
	$(bin)/python -m bench.micro_batch --lines 100000 $(BENCH_LINES) --changed 1000

bench-landing: $(installed) ## Land and read a table of a million rows
	$(bin)/python -m bench.landing --rows 1000000
	$(bin)/python -m bench.sql_reads --rows 1000000

bench-sizes: $(installed) ## Count bytes and files of every layer
	$(bin)/python -m bench.sizes --lines 100000

bench-edi: $(installed) ## Read 10,000 purchase orders in X12 and EDIFACT
	$(bin)/python -m bench.edi

bench-engines: $(installed) ## Reconcile a million order lines in DuckDB and on Spark Connect
	$(bin)/python -m bench.engines --lines 1000000

bench-corrections: $(installed) ## Deliver 10,000 corrections through a target that fails one call in five, on both databases
	$(bin)/python -m bench.corrections --count 10000 --failing 0.2

bench-intake: $(installed) ## Take in 200,000 findings as cases, on both databases
	$(bin)/python -m bench.intake --findings 200000

bench-console: $(installed) ## Ask for pages of the console with 100,000 open cases, alone and as fifty people, on both databases
	$(bin)/python -m bench.console_queue --cases 100000
	$(bin)/python -m bench.console_load --users 50 --cases 100000

bench-peers: $(installed) ## Compare two tables with known breaks, by us and by other people's tools; half an hour, 9 GB of memory
	$(bin)/python -m bench.peers --rows 1000000 10000000

bench-soak: $(installed) ## Live through a simulated month in one process, with the upkeep every night; half an hour
	$(bin)/python -m bench.soak --days 30

bench-latency: $(installed) ## Measure from commit to case to correction for ten minutes, with everything running
	$(bin)/python -m bench.latency --seconds 600 --write

bench-plots: $(installed) ## Write pages and plots of bench/results anew from the figures that are kept
	$(bin)/python -m bench.pages

deploy-check: $(installed) ## Let helm and docker compose read the files of a deployment; needs both, and a network
	deploy/check.sh

lock: $(installed) ## Write requirements.lock anew from pyproject.toml
	$(bin)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes --no-annotate \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' $(LOCK_OPTIONS) \
		--output-file requirements.lock pyproject.toml

clean: ## Remove the virtual environment and every cache; data/runtime stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist *.egg-info

$(installed): requirements.lock pyproject.toml scripts/bootstrap.sh
	@scripts/bootstrap.sh
