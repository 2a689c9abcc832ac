# make help lists the targets. PYTHON chooses the interpreter: make setup PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup demo figures test test-fast test-next crash-test power-test punish load-test fuzz lint api release docs notebooks clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

setup: $(READY)  ## make the virtual environment .venv with pinned packages

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: $(READY)  ## the main job on the embedded sample: seven runs, a table, a contact sheet, a page
	env -u SICE_ROOT $(BIN)/python -m zero_dce.train +sweep=demo

figures: figure1 figure2 figure3 figure4 figure5  ## a course report's Figures 1 to 5 on the embedded sample, or on SICE: SICE_ROOT=DIR

include sweeps/figures/figures.mk

test: $(READY)  ## all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

test-fast: $(READY)  ## the tests of daily work, under 3 minutes: without training, a browser or SLURM
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not slurm and not chromium"

test-next:  ## the tests with the next versions of Hydra, OmegaConf and PyTorch, in .venv-next; see next-report.txt
	$(PYTHON) .ci/next.py

crash-test: $(READY)  ## kill commands, or let calls fail, at each call that changes a file: hours, or MINUTES=60; RESULTS=FILE adds up
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.endurance.crash --jobs 2 $(if $(MINUTES),--minutes $(MINUTES)) $(if $(RESULTS),--results $(RESULTS))

load-test: $(READY)  ## sweeps of 1,000 runs, 20 launchers at once, 5,000 pictures: hours; writes tests/endurance/load.md
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.endurance.load $(LOAD)

fuzz: $(READY)  ## search for files that break their readers: make fuzz MINUTES=60 (tests/endurance/fuzz.md)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[fuzz]"
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.endurance.fuzz --minutes $(or $(MINUTES),60)

lint: $(READY)  ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

punish: $(READY)  ## sweeps on a private SLURM among 100 troubles each, about an hour; the counts are in tests/endurance/punish.md
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.endurance.punish

api: $(READY)  ## write tests/public_api.txt anew, after a change of the public interface that is meant
	$(BIN)/python -m tests.helpers.public_api > tests/public_api.txt.new
	mv tests/public_api.txt.new tests/public_api.txt

release: $(READY)  ## check and build what a tag releases: make release TAG=v0.1.0
	$(BIN)/python .ci/release.py $(TAG)

docs: $(READY)  ## the documentation as a site, in site/; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

power-test: $(READY)  ## let the power fail after each call that changes a file: an hour, or MINUTES=10; needs gcc
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.endurance.power $(if $(MINUTES),--minutes $(MINUTES))

notebooks: $(READY)  ## run the notebooks and store them with what they show
	env -u SICE_ROOT $(BIN)/python notebooks/execute.py

clean:  ## remove the virtual environment and what tools left behind
	rm -rf $(VENV) .venv-next next-report.txt build dist site *.egg-info .pytest_cache .ruff_cache .mypy_cache
