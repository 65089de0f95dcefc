# `make run` starts Tokens on an empty machine; `make test` runs every test. Both need only Python.

# The newest Python that is there and new enough.
PYTHON ?= $(firstword $(foreach p,python3.14 python3.13 python3.12 python3.11 python3,\
	$(shell command -v $(p) >/dev/null 2>&1 && $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))
HOST ?= 127.0.0.1
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
# uv: seconds instead of minutes. Where it cannot be had or fails, pip does the same.
UV := $(shell grep -m1 '^uv==' requirements-dev.txt)
install = $(BIN)/uv pip install --quiet --python $(BIN)/python $(2) -r $(1) 2>$(VENV)/uv.log || \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(1)

.PHONY: run test check format messages screenshots bench requirements clean

run: $(VENV)/.installed
	@$(BIN)/python manage.py setup --url http://$(HOST):$(PORT)
	@exec $(BIN)/python manage.py serve --host $(HOST) --port $(PORT)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto --dist loadgroup $(TESTS)

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

messages: $(VENV)/.installed-dev
	$(BIN)/python -m tests.translations

screenshots: $(VENV)/.installed-dev
	$(BIN)/python -m tests.browser.screenshots $(ARGS)

bench: $(VENV)/.installed-dev
	$(BIN)/python -m bench $(ARGS)

requirements: $(VENV)/.installed-dev
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --upgrade requirements.in -o requirements.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --upgrade requirements-dev.in -o requirements-dev.txt

clean:
	rm -rf $(VENV)

# A stamp per requirements file: the second start installs nothing and takes seconds.
$(VENV)/.installed: requirements.txt
	@test -n "$(PYTHON)" || { echo "Tokens needs Python 3.11 or newer; none was found. Name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing requirements…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV) || echo "uv cannot be had here; pip does it, which takes longer."
	@$(call install,requirements.txt,--compile-bytecode)
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	@$(call install,requirements-dev.txt)
	@touch $@
