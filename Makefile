PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
RUN := $(VENV)/bin/python
SHELL := /bin/bash

.PHONY: app test test-fast format clean

app: $(VENV)/app.done
	$(RUN) app.py

test: $(VENV)/test.done
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/pyright
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 --dist loadfile

# The library and the trainer's parts; no browser, no training run.
test-fast: $(VENV)/test.done
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 -m "not slow" tests/library tests/training

format: $(VENV)/test.done
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/app.done: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet -e .
	touch $@

$(VENV)/test.done: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet -e '.[test]'
	touch $@ $(VENV)/app.done

clean:
	rm -rf $(VENV) build *.egg-info
