# Two commands do everything: `make perf` measures and judges the voice, `make test` tests the code;
# `make quick` runs the tests that start nothing, `make nightly` what takes hours.
# Each sets itself up in .venv, and is quick the second time.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PERF   ?= --ttsperf-compare
# For tests only. Its own bound on onnxruntime is older than the one we use, and works with it.
GGML   := onnxruntime-ggml==0.2.0
# The tests of the code may share the cores; `make perf` may not. More workers than two cores, as most
# of a test is waiting for processes, and stealing, as a few files take most of the time.
PARALLEL ?= -n 4 --dist worksteal
# Coverage makes each process slower; with more of them at once, tests that wait would wait in vain.
# What opens a browser is left to `make pages`: Playwright switches between greenlets, which coverage
# would have to follow.
# Pages of the documentation that measure two versions take minutes: `make examples`, `make test`.
COVERED ?= -n 3 --dist worksteal --ignore=tests/browser --ignore=tests/docs/test_stories.py

# Some seven hundred small processes are started by the tests, and each would make threads for linear
# algebra that have nothing to do. Never for `make perf`: what is measured there runs as it does elsewhere.
test quick check: export OPENBLAS_NUM_THREADS = 1

# The packages that the engine is compared with bring eighty others along: they stay out of .venv.
PEERS       := .venv-peers
PEERS_READY := $(PEERS)/.ready

# So does what builds the site of the documentation.
SITE       := .venv-docs
SITE_READY := $(SITE)/.ready

# So do the tools that judge versions in other ways.
RIVALS       := .venv-rivals
RIVALS_READY := $(RIVALS)/.ready

# A provider whose build of onnxruntime takes the place of the usual one.
OPENVINO       := .venv-openvino
OPENVINO_READY := $(OPENVINO)/.ready

# Who opens the pages of runs: Playwright and axe-core drive and judge the system's Chromium.
BROWSER       := .browser
BROWSER_READY := $(BROWSER)/.ready
AXE           := axe-core@4.14.1

# Of a quick test each costs little, so they are dealt out one by one.
QUICK ?= -n 2 --dist worksteal
# How long a night is, and which campaigns: see benchmarks/nightly.py.
NIGHTLY ?= --minutes 420

# The tests start hundreds of processes: each would compile anew what it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: perf test quick nightly check format schemas baseline peers rivals openvino pages \
  screenshots clean

perf: $(READY)
	$(BIN)/python -m pytest -m perf $(PERF)

test: $(READY)
	$(BIN)/python -m pytest $(PARALLEL)

# What needs no process, no engine and no server; tests/quick.py holds it to that.
quick: $(READY)
	$(BIN)/python -m pytest $(QUICK) -m "not starts" tests/unit tests/engine tests/docs tests/test_architecture.py

# What is too long for CI. It goes on where the last night ended, and says what is still missing.
nightly: $(READY)
	$(BIN)/python benchmarks/nightly.py $(NIGHTLY)

# Exactly what CI runs: format, lint, types, tests with coverage.
check: $(READY)
	$(BIN)/python tools/check.py $(COVERED)

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The JSON Schemas that the package ships, from the records.
schemas: $(READY)
	$(BIN)/python -m pytest_ttsperf.report.schemas

.PHONY: reference docs examples clean-docs

# The pages of docs/ that are written from the code: marks, commands, files, lists.
reference: $(READY)
	$(BIN)/python tools/metrics_page.py
	$(BIN)/python tools/reference_pages.py

# The site of the documentation, in build/docs; a broken link fails it.
docs: $(SITE_READY)
	$(SITE)/bin/zensical build --strict --clean

# The examples of the documentation, the tutorial among them, are typed and compared: minutes.
examples: $(READY)
	$(BIN)/python -m pytest tests/docs/test_examples.py tests/docs/test_stories.py

clean: clean-docs

clean-docs:
	rm -rf $(SITE) .cache

# Ten runs of this machine, as baselines; commit them apart, with the reason.
baseline: $(READY)
	for run in 1 2 3 4 5 6 7 8 9 10; do \
	  $(BIN)/python -m pytest -m perf tests/perf/test_gates.py -q --ttsperf-save || exit 1; done

# What benchmarks/engine_vs_peers.py needs, and nothing else does.
peers: $(PEERS_READY)
	@echo "ready: $(PEERS)/bin/python benchmarks/engine_vs_peers.py"

# What benchmarks/gate_rivals.py asks.
rivals: $(RIVALS_READY)
	@echo "ready: $(BIN)/python benchmarks/gate_rivals.py --log gate.jsonl"

# What the suite `provider` compares with the CPU: docs/providers.md.
openvino: $(READY) $(OPENVINO_READY)
	@echo "ready: $(BIN)/ttsperf run --suite provider -- --ttsperf-python=openvino=$(OPENVINO)"

# The pages of runs in a real browser: what they do, how large they are, how soon they are there.
pages: $(READY) $(BROWSER_READY)
	TTSPERF_BROWSER=required $(BIN)/python -m pytest -n 2 --dist worksteal tests/browser
	$(BIN)/python benchmarks/page_size.py

# The pictures in docs/images, of a run that is measured for them: some ten minutes.
screenshots: $(READY) $(BROWSER_READY)
	rm -rf build/failing-run
	mkdir -p build
	$(BIN)/python tools/failing_run.py build/failing-run > build/failing-run.txt
	$(BIN)/python tools/screenshots.py "$$(cat build/failing-run.txt)"

clean:
	rm -rf $(VENV) $(PEERS) $(RIVALS) $(OPENVINO) $(BROWSER) artifacts build dist .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache

# Any Python that is new enough and can make an environment.
define check_python
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { \
	  echo "$(PYTHON) lacks venv; on Debian: apt-get install python3-venv" >&2; exit 1; }
endef

$(READY): pyproject.toml
	$(check_python)
	@echo "setting up $(VENV) (a minute the first time)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps "$(GGML)" || \
	  echo "no $(GGML) for this system: its tests are skipped" >&2
	@touch $(READY)

$(PEERS_READY): pyproject.toml
	$(check_python)
	@echo "setting up $(PEERS) (some minutes the first time)"
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[peers]"
	@touch $(PEERS_READY)

$(BROWSER_READY): pyproject.toml | $(READY)
	@command -v chromium >/dev/null || { \
	  echo "found no chromium; on Debian: apt-get install chromium" >&2; exit 1; }
	@command -v npm >/dev/null || { \
	  echo "found no npm; on Debian: apt-get install npm" >&2; exit 1; }
	@echo "setting up $(BROWSER)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[browser]"
	mkdir -p $(BROWSER)
	npm install --prefix $(BROWSER) --silent --no-save --ignore-scripts --no-audit --no-fund $(AXE)
	@touch $(BROWSER_READY)

# By the same Python as .venv, whose other packages are used from there.
$(OPENVINO_READY):
	$(check_python)
	@echo "setting up $(OPENVINO) (a minute the first time)"
	$(PYTHON) -m venv $(OPENVINO)
	$(OPENVINO)/bin/python -m pip install --quiet --disable-pip-version-check "onnxruntime-openvino>=1.24"
	@touch $(OPENVINO_READY)

$(RIVALS_READY): pyproject.toml
	$(check_python)
	@echo "setting up $(RIVALS) (a minute the first time)"
	$(PYTHON) -m venv $(RIVALS)
	$(RIVALS)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[rivals]"
	@touch $(RIVALS_READY)

$(SITE_READY): pyproject.toml
	$(check_python)
	@echo "setting up $(SITE) (a minute the first time)"
	$(PYTHON) -m venv $(SITE)
	$(SITE)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	@touch $(SITE_READY)
