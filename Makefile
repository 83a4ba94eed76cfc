# Everything runs in .venv, made on first use from the pinned constraints.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
COLLECTED := $(VENV)/.collected
# With its byte code on disk a process starts in less than half the time.
unexport PYTHONDONTWRITEBYTECODE
# The tests' files are in memory where there is room for them: a disk's syncs are what they would wait for.
MEMORY_TMP := $(shell [ "$$(df --output=avail /dev/shm 2>/dev/null | tail -1)" -gt 4000000 ] 2>/dev/null && echo /dev/shm)
test search: export TMPDIR := $(or $(MEMORY_TMP),$(TMPDIR))
# One more than there are cores: some tests wait in real time.
WORKERS ?= $(shell expr 1 + $$(nproc))

.PHONY: setup demo fuzz test test-postgres search search-stores e2e e2e-together e2e-installed chaos chaos-stores kill handles soak wheel deb check bench bench-bus bench-backlog bench-load bench-history bench-shards bench-dashboard format clean

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

.PHONY: dashboard browser
dashboard: $(STAMP)  ## build the web application; with the machine's Node >= 20.19, or one from PyPI
	@$(BIN)/python server/dashboard/build.py

demo: dashboard  ## the whole chain with simulated equipment on http://127.0.0.1:$(PORT); BACKEND=influxdb, victoriametrics
	@exec $(BIN)/plantroom demo $(if $(PORT),--port $(PORT)) $(if $(BACKEND),--backend $(BACKEND))

test: $(COLLECTED)  ## unit and contract tests, no network
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

search: $(STAMP)  ## what make test runs with few seeds, cases and sizes, with all of them; PART=2/3: a third of where there are many
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal --thorough -m thorough --durations 15 $(if $(PART),--part $(PART))

search-stores: $(STAMP)  ## the searches over real InfluxDB and VictoriaMetrics, with all their cases; two minutes; PART as above
	$(BIN)/python -m tests.servers $$(grep -rl STORE_MARKS tests/contract --include='test_*.py') \
		--thorough -m "thorough and stores" --numprocesses $(WORKERS) $(if $(PART),--part $(PART))

fuzz: $(STAMP)  ## schemathesis over the whole OpenAPI document, as every role; EXAMPLES and SEED for more
	$(BIN)/python -m tests.fuzz --examples $(or $(EXAMPLES),4) --seed $(or $(SEED),1)

test-postgres: $(STAMP)  ## what make test does with the records, with a PostgreSQL
	PLANTROOM_TEST_RECORDS=postgresql $(BIN)/python -m tests.servers tests/contract/api tests/contract/chain \
		$$(grep -rl open_records tests/unit --include='test_*.py') --numprocesses $(WORKERS)

e2e: $(STAMP)  ## real mosquitto, PostgreSQL, InfluxDB and processes, kills and cuts; packages; then what has to be alone
	$(MAKE) --jobs 2 --output-sync=target e2e-together e2e-installed
	$(BIN)/python -m pytest tests/e2e --broker -m alone --durations 15

# What is asked of the records on PostgreSQL is asked by test-postgres.
e2e-together: $(STAMP)
	$(BIN)/python -m tests.servers tests/e2e --broker \
		$$(grep -rlE '(POSTGRES|STORE)_MARKS' tests/contract --include='test_*.py' | grep -v /chain/) \
		-m "(broker or postgres or stores) and not alone and not installs" --numprocesses 5 --durations 15

e2e-installed: $(STAMP)
	$(BIN)/python -m pytest tests/e2e --broker -m installs --durations 5

browser: dashboard  ## the dashboard in Chromium, on the real processes of two demos; seven minutes
	$(BIN)/python -m pytest tests/browser --browser --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 15

.PHONY: pictures
pictures: dashboard  ## the screens of README.md, of a demo of their own; a minute
	$(BIN)/python -m tests.browser.pictures

chaos: $(STAMP)  ## kill the server ROUNDS times at random moments; nothing is lost or doubled
	$(BIN)/python -m tests.chaos $(or $(ROUNDS),200)

chaos-stores: $(STAMP)  ## kill VictoriaMetrics, InfluxDB, PostgreSQL, the server or both ROUNDS times each; likewise
	$(BIN)/python -m tests.chaos $(or $(ROUNDS),20) --store $(or $(STORES),victoriametrics influxdb postgresql)

bench: $(STAMP)
	$(BIN)/python -m tests.bench

bench-bus: $(STAMP)  ## offline, flapping and noisy units on one line, meters; eleven minutes
	$(BIN)/python -m tests.bench bus

bench-backlog: $(STAMP)  ## a day of 200 points a second replayed in order, live data beside it; ten minutes
	$(BIN)/python -m tests.bench backlog

bench-load: $(STAMP)  ## alarms beside readers, streams, half requests, a flood and first births; five minutes
	$(BIN)/python -m tests.bench load $(CASES)

bench-history: $(STAMP)  ## the history stores: writes, a year, 200 points, a day of seconds, over HTTP; ten minutes each: STORES=embedded, influxdb, victoriametrics
	$(BIN)/python -m tests.bench history $(STORES)

bench-shards: $(STAMP)  ## CPU of 1, 2 and 4 ingest processes for the same values, on PostgreSQL and VictoriaMetrics; four minutes
	$(BIN)/python -m tests.bench shards

bench-dashboard: dashboard  ## first load, 2,000 live points, 200 streams, alarms beside them, in Chromium; two minutes
	$(BIN)/python -m tests.bench dashboard

kill: $(STAMP)  ## kill -9 at random with the broker away; four seconds a round
	$(BIN)/python -m tests.soak.kill $(or $(ROUNDS),100)

handles: $(STAMP)  ## an agent process loses broker and ports ROUNDS times: handles and memory stay flat
	$(BIN)/python -m tests.soak.handles $(or $(ROUNDS),30)

wheel: $(STAMP)  ## dist/plantroom-*.whl, which pip installs without this repository
	rm -f dist/plantroom-*.whl
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

deb: wheel  ## dist/*.deb for this machine's Debian and processor: plantroom, plantroom-agent
	PIP="$(BIN)/python -m pip" deploy/debian/build.sh dist/plantroom-*.whl dist

HOURS ?= 72
soak: search  ## simulated hours of outages, reloads, flapping units: memory stays flat
	$(BIN)/python -m tests.soak.soak $(HOURS)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/python server/dashboard/build.py npm run check

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .demo .bench
