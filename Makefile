# Everything a person does with this project; `make` lists it.

.DEFAULT_GOAL := help
.PHONY: help run test check setup gpu lint fast browser gallery screenshots bench format train-embedded results

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# On a terminal pip shows its progress; in a log it stays short.
PIP := $(BIN)/python -m pip install --disable-pip-version-check $(if $(MAKE_TERMOUT),,-qq)
DATA ?= ../shared/data
OUT ?= outputs/gallery
ARGS ?=
# Processes that share the tests, file by file; each has a server and a browser of its own.
WORKERS ?= 2

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 18

run: $(VENV)/.run-time  ## Start the editor at http://127.0.0.1:7860 (options: make run ARGS="--port 8000")
	@$(BIN)/python app.py $(ARGS)

test: browser  ## Run every test, those in a real browser included
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: lint fast  ## What must be clean before a commit: lint, format, types, fast tests

setup: $(VENV)/.development browser  ## Install everything for development, commit hooks included
	$(BIN)/pre-commit install

gpu: $(VENV)/.development  ## Run the tests that need a GPU
	$(BIN)/pytest -m gpu $(ARGS)

lint: $(VENV)/.development  ## Lint, format and types, changing nothing
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/pyright

fast: $(VENV)/.development  ## The tests that take seconds
	$(BIN)/pytest -m "not slow and not browser" $(ARGS)

format: $(VENV)/.development  ## Format, and fix what can be fixed
	$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

gallery: $(VENV)/.run-time  ## Write pictures to judge by eye into outputs/gallery
	$(BIN)/python -m maskgit generate --count 8 --out $(OUT)/generated.png
	$(BIN)/python -m maskgit trace --out $(OUT)/steps.png
	$(BIN)/python -m maskgit edit assets/examples/meadow.jpg --box 200,150,240,240 --count 4 --out $(OUT)/edited.png
	$(BIN)/python -m maskgit outpaint assets/examples/coast.jpg --left 160 --right 160 --out $(OUT)/outpainted.png
	$(BIN)/python -m maskgit reconstruct assets/examples/palace.jpg --out $(OUT)/reconstructed.png

screenshots: browser  ## Take the pictures of the README anew, from the running editor
	$(BIN)/python -m tests.browser.screenshots

# Every part prints its own table, too; the last one prints all of them in one.
BENCHMARKS := decode factors precision known_cells curves start load interface painting summary
bench: browser  ## Measure everything there is to say about speed, in one table; 40 minutes
	set -e; for part in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$part; done

train-embedded: $(VENV)/.run-time  ## Train the embedded model (DATA=folder of pictures); hours on a CPU
	$(BIN)/python -m maskgit train tokenizer --recipe embedded --data $(DATA) --run runs/tokenizer
	$(BIN)/python -m maskgit train transformer --recipe embedded --data $(DATA) --run runs/transformer \
	  --tokenizer-run runs/tokenizer --out checkpoints/embedded

results: $(VENV)/.run-time  ## Measure the embedded model anew into docs/results.md (DATA=folder of pictures)
	$(BIN)/python -m maskgit train classifier --recipe embedded --data $(DATA) --run runs/classifier
	set -e; for part in reconstruction generation editing regions ablation; do \
	  $(BIN)/python -m maskgit evaluate $$part --data $(DATA) --classifier runs/classifier \
	    $$([ $$part != editing ] || echo --photos assets/examples) \
	    --out docs/results/$$part.json --page docs/results.md $(ARGS); done

browser: $(VENV)/.development
	@$(BIN)/python -m tests.browser.chromium

# The stamps are older than the requirements after an update, and only then is anything installed.
$(VENV)/.run-time: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "Python 3.10 or newer is needed; name one: make PYTHON=python3.12 ..."; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV) \
	  || { echo "The venv module is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Installing what the editor needs into $(VENV) (once; a few minutes) ..."
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.development: requirements-dev.txt requirements-mcp.txt $(VENV)/.run-time
	@echo "Installing what the tests need into $(VENV) (once) ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@
