# Everything runs in .venv, made on first use from the pinned constraints.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
COLLECTED := $(VENV)/.collected
# With its byte code on disk a process starts in less than half the time.
unexport PYTHONDONTWRITEBYTECODE
# Twice as many as there are cores: a third of the tests' time is spent on real waits.
WORKERS ?= $(shell expr 2 \* $$(nproc))

.PHONY: setup demo test search e2e chaos kill handles soak check bench bench-bus bench-backlog bench-load format clean

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev --editable ".[server,influxdb]"
	touch $@

setup: $(STAMP)

# Written once here, the byte code of the tests is not made by each worker anew.
$(COLLECTED): $(STAMP)
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null || true  # the run itself says what is wrong
	@touch $@

demo: $(STAMP)  ## the whole chain with simulated equipment on http://127.0.0.1:$(PORT)
	@exec $(BIN)/plantroom demo $(if $(PORT),--port $(PORT))

test: $(COLLECTED)  ## unit and contract tests, no network
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

search: $(STAMP)  ## what make test runs with few seeds, cases and sizes, with all of them
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal --thorough -m thorough

e2e: $(STAMP)  ## real mosquitto, PostgreSQL, InfluxDB and processes, kills and cuts; then what has to be alone
	$(BIN)/python -m tests.servers tests/e2e tests/contract --broker \
		-m "(broker or postgres or stores) and not alone" --numprocesses 4
	$(BIN)/python -m pytest tests/e2e --broker -m alone

chaos: $(STAMP)  ## kill the server ROUNDS times at random moments; nothing is lost or doubled
	$(BIN)/python -m tests.chaos $(or $(ROUNDS),200)

bench: $(STAMP)
	$(BIN)/python -m tests.bench

bench-bus: $(STAMP)  ## offline, flapping and noisy units on one line; eight minutes
	$(BIN)/python -m tests.bench bus

bench-backlog: $(STAMP)  ## a day of 200 points a second replayed in order, live data beside it; ten minutes
	$(BIN)/python -m tests.bench backlog

bench-load: $(STAMP)  ## alarms beside readers, streams, half requests, a flood and first births; five minutes
	$(BIN)/python -m tests.bench load $(CASES)

kill: $(STAMP)  ## kill -9 at random with the broker away; four seconds a round
	$(BIN)/python -m tests.soak.kill $(or $(ROUNDS),100)

handles: $(STAMP)  ## an agent process loses broker and ports ROUNDS times: handles and memory stay flat
	$(BIN)/python -m tests.soak.handles $(or $(ROUNDS),30)

HOURS ?= 72
soak: search  ## simulated hours of outages, reloads, flapping units: memory stays flat
	$(BIN)/python -m tests.soak.soak $(HOURS)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/vulture

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .demo .bench
