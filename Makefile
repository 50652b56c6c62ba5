PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
RUN := $(VENV)/bin/python
SHELL := /bin/bash

.PHONY: app train test test-fast format messages clean

app: $(VENV)/app.done
	$(RUN) app.py

# What training needs beside the page. "train" is also a folder, hence .PHONY.
train: $(VENV)/train.done

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

# After a change of sentences: says what is missing in the catalogues of translations.
messages: $(VENV)/test.done
	$(RUN) -m tests.messages

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/app.done: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet -e .
	touch $@

$(VENV)/train.done: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet -e '.[train]'
	touch $@ $(VENV)/app.done

$(VENV)/test.done: pyproject.toml | $(VENV)/bin/python
	$(RUN) -m pip install --quiet -e '.[test]'
	touch $@ $(VENV)/app.done $(VENV)/train.done

clean:
	rm -rf $(VENV) build *.egg-info
