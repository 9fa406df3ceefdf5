# Two commands do everything: `make reports` and `make test`. `make help` lists the rest.
# Without make (Windows, conda): see README.md.
SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV := .venv
READY := $(VENV)/.ready
BIN := $(VENV)/bin
# Tests run side by side: linear algebra with threads of its own would only get in their way.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# pytest keeps the tests it has prepared, even where Python is told to keep nothing: seconds a worker.
KEEP := PYTHONDONTWRITEBYTECODE=

# The first Python of these that runs and is 3.11 or newer; `make reports PYTHON=...` overrides it.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$p; break; fi; done)

# Reports made at a time: one a core, at most four (each takes some 600 MB).
JOBS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1); [ "$$n" -le 4 ] && echo "$$n" || echo 4)

.PHONY: help setup reports test simulation lab check lock clean

help:  ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(READY)  ## make the environment in .venv from the pinned packages

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "cxstats needs Python 3.11 or newer; none was found. Install one, or say make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) (a few minutes the first time)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib cxstats || true
	@touch $(READY)

reports: $(READY)  ## render every report of reports/catalog.yml on the demo company
	@$(BIN)/cxstats render --jobs $(JOBS)

test: $(READY)  ## run the tests (nine minutes on two cores)
	@$(ONE_THREAD) $(KEEP) $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

simulation: $(READY)  ## run the long simulations from known truth (coverage, error rates)
	@$(ONE_THREAD) $(KEEP) $(BIN)/python -m pytest -n auto --maxprocesses 4 -m simulation

lab: $(READY)  ## open JupyterLab on the notebooks
	@$(BIN)/jupyter lab --notebook-dir=. notebooks/start_here.ipynb

check: $(READY)  ## check a survey file: make check SURVEY=path/to/survey.yml
	@$(BIN)/cxstats check "$(SURVEY)"

lock:  ## pin the dependencies anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra dev pyproject.toml -o requirements.lock

clean:  ## remove the environment and what was rendered
	rm -rf $(VENV) reports/published
