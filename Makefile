# The words of the README. `make` alone lists them.
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
BIN := .venv/bin
OUT ?= demo
.DEFAULT_GOAL := help
# Some machines forbid it by this; every process that a test starts would then compile us again.
export PYTHONDONTWRITEBYTECODE :=

help: ## list these words
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 10

setup: .venv/ready ## make .venv with everything a user and a developer need
.venv/ready: pyproject.toml constraints.txt docker/install.sh
	EDITABLE=1 QUIET=1 docker/install.sh .venv dev $(PYTHON)
	@touch $@

demo: setup ## make a damaged tape, restore it, show before and after; INPUT=clip.mp4 takes your own
	@$(BIN)/cinemill demo $(if $(INPUT),"$(INPUT)") -o "$(OUT)"

worker: .venv-worker/ready ## the serverless worker's environment, which cannot be shared with the studio's
.venv-worker/ready: pyproject.toml
	$(BIN)/uv venv -q --clear --python $(BIN)/python .venv-worker
	$(BIN)/uv pip install -q --python .venv-worker/bin/python -e '.[worker]'
	@touch $@

check: setup ## format, lint, types, layers, generated pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python -m cinemill.surfaces.reference --check docs/reference.md

fix: setup ## what can be mended by itself
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

gen: setup ## write the generated pages
	$(BIN)/python -m cinemill.surfaces.reference docs/reference.md

# What drives a browser is passed over where there is none and nobody may install it.
.venv/browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		&& apt-get -qq update && apt-get -qq install -y chromium; } || echo "no Chromium: the page is not tested"
	@touch $@

test: setup .venv/browser ## the fast tests; ARGS="-m slow" for the others
	$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

bench: setup ## measure against named peers and write docs/bench.md
	$(BIN)/python -m bench $(ARGS)

serve: setup ## the studio in a browser, at http://localhost:7860; ARGS="--port 8000" and the like
	$(BIN)/cinemill serve $(ARGS)

.PHONY: worker help setup demo check fix gen test bench serve
