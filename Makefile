PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
TOOLS := .tools
RUN := $(VENV)/bin/python
SHELL := /bin/bash

.PHONY: app train test test-fast test-floors audit-packages sbom format messages clean

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

# The library's tests with the oldest releases that pyproject.toml allows: downloads several GB, takes long.
test-floors: $(TOOLS)/done
	$(TOOLS)/bin/uv venv --quiet --clear --no-config --python $(TOOLS)/bin/python $(TOOLS)/floors
	$(TOOLS)/bin/uv pip install --quiet --no-config --python $(TOOLS)/floors/bin/python \
	  --resolution lowest-direct -e '.[test]'
	OMP_NUM_THREADS=1 $(TOOLS)/floors/bin/python -m pytest -p no:cacheprovider $(PYTEST) tests/library

# Known vulnerabilities of the packages; says so where no source of advisories can be reached.
audit-packages: $(VENV)/test.done $(TOOLS)/done
	$(RUN) -m tests.advisories

# The packages of the plain install, as a CycloneDX list.
sbom: $(VENV)/app.done $(TOOLS)/done
	$(RUN) -m tests.bill_of_materials build/sbom.json

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

$(TOOLS)/done: .ci/tools.txt
	$(PYTHON) -m venv $(TOOLS) || { rm -rf $(TOOLS); exit 1; }
	$(TOOLS)/bin/python -m pip install --quiet -r .ci/tools.txt
	touch $@

clean:
	rm -rf $(VENV) $(TOOLS) build *.egg-info
