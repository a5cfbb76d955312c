# make setup   builds the environment in .venv        make run    does the main job and shows the result
# make test    passes every check                     make flow   does the main job as a Prefect flow
#
# make run PROFILE=fast SOURCE=/data/ILSVRC2012       another network, another data set
# make run SOURCE=/data/ILSVRC2012 DETECTION=/data/DET    one data set for recognition, one for detection
# make run SET="merge.offsets=coarse infer.flips=false"   single settings
# make test JOBS=4                                    in four processes rather than two, where there are the processors

SHELL := /bin/bash
VENV := .venv
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export DO_NOT_TRACK := 1

JOBS := 2

DATA = $(if $(SOURCE),source=$(SOURCE)) $(if $(DETECTION),source.detection=$(DETECTION))
CHOICES = $(strip $(if $(PROFILE),profile=$(PROFILE)) $(DATA) $(SET))

.DEFAULT_GOAL := help
.PHONY: help setup run flow test check lock clean

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

setup: $(VENV)/.installed

$(VENV)/.installed: requirements.lock requirements-uv.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "overfeat: no Python of version 3.11 or newer was found; name one with make PYTHON=..."; exit 2; }
	@echo "overfeat: building the environment in $(VENV) (torch alone is several GB: minutes on a slow line)"
	@$(PYTHON) -m venv --clear $(VENV) || { echo "overfeat: python's venv module is needed (Debian: apt install python3-venv)"; exit 2; }
	@$(VENV)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip install -q --system-certs --compile-bytecode --require-hashes -r requirements.lock
	@VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip install -q --system-certs --no-deps --no-build-isolation -e .
	@touch $@

run: setup
	@$(if $(CHOICES),python -m pipelines configure $(CHOICES))
	@dvc repro
	@python -m pipelines summary

flow: setup
	@python -m flows.reproduce $(if $(PROFILE),--profile $(PROFILE)) $(foreach s,$(DATA) $(SET),--set $(s))
	@python -m pipelines summary

check: setup
	ruff check .
	ruff format --check .
	mypy
	lint-imports

test: check
	pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not gpu" --hypothesis-profile thorough --durations 25

lock: setup
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --all-extras pyproject.toml -o requirements.lock

clean:
	rm -rf .work data/manifest data/images data/images_det data/checkpoints data/windows data/results data/plots data/report metrics.json
