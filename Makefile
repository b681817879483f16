# Two commands do everything on a fresh machine: `make demo` and `make test`.
# They need Python 3.11 or newer, make and git; the rest goes into a virtual environment here.

PY ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Tested versions also for the tools that build the package, whichever pip there is.
PIP = PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
      $(BIN)/python -m pip install --quiet --constraint constraints.txt
# Threads of Dask share the cores already; libraries below them would only queue up.
ONE_THREAD = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
TESTS ?=
# Tests run in as many processes as there are cores; JOBS=0 runs them in one.
JOBS ?= logical

.PHONY: help demo test lint format reference constraints clean

help:
	@echo "make demo         set up, then the whole story on one machine"
	@echo "make test         set up, then all tests that can run here"
	@echo "make lint         style, types and import contracts"
	@echo "make format       put the code into its style"
	@echo "make reference    write the reference pages that follow from the code"
	@echo "make constraints  resolve the tested versions anew"
	@echo "make clean        remove the virtual environment"

demo: $(VENV)/.ready
	$(BIN)/halos demo

test: $(VENV)/.ready
	$(ONE_THREAD) $(BIN)/python -m pytest --numprocesses $(JOBS) --no-loadscope-reorder --durations 15 $(TESTS)

lint: $(VENV)/.lint-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.lint-ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

reference: $(VENV)/.ready
	$(BIN)/python script/reference.py

# Host-free and for every supported Python: no index, no file paths, no hashes.
constraints: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/python -m uv pip compile --quiet --universal --upgrade pyproject.toml \
	    --all-extras --no-annotate --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command "make constraints" --output-file constraints.txt

clean:
	rm -rf $(VENV)

$(BIN)/pip:
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "HALOS needs Python 3.11 or newer; name one with: make PY=/path/to/python3.12" >&2; exit 1; }
	@$(PY) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "$(PY) cannot make virtual environments; on Debian: apt install python3-venv" >&2; exit 1; }
	$(PY) -m venv $(VENV)

$(VENV)/.ready: $(BIN)/pip pyproject.toml constraints.txt
	@echo "setting up $(VENV); the first time takes a minute or two ..."
	$(PIP) --editable '.[test]'
	@touch $@

$(VENV)/.lint-ready: $(VENV)/.ready
	$(PIP) --editable '.[test,lint]'
	@touch $@
