# Everything here needs make and Python 3.11 or newer, and nothing else: what is installed goes
# to .venv. Another Python: make PYTHON=python3.13 test

PYTHON ?= python3
ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check

# Languages whose catalogs are in django_d7verify/locale.
LANGUAGES ?= $(notdir $(wildcard django_d7verify/locale/*))
SCREENSHOTS ?= .screenshots

# Where `make test-databases` finds the servers; test databases are made beside those named here.
POSTGRESQL_URL ?= postgresql://postgres@127.0.0.1:5432/postgres
MARIADB_URL ?= mysql://root@127.0.0.1:3306/test
# Where `make test-bridges` finds the broker of Celery.
REDIS_URL ?= redis://127.0.0.1:6379/0

# Tests wait for sockets more than they compute.
PYTEST := $(PY) -m pytest -n 3
# These touch no database, or bring their own, so they run once.
FREE := arrivals codes conf contents deploy example guide instructions layout phones readme recipes testing texts translations
DATABASE_FREE := --ignore=tests/emulator --ignore=tests/clients $(FREE:%=--ignore=tests/test_%.py)
# The packages that contrib joins, under settings that have them all installed.
BRIDGES := $(PY) -m pytest tests/bridges --ds=tests.bridges.settings
HARNESS := D7VERIFY_HARNESS=1 $(PY) -m pytest tests/harness

.PHONY: demo test test-databases test-postgresql test-mariadb test-processes test-processes-sqlite test-processes-postgresql test-processes-mariadb test-browser test-bridges matrix bench messages lint style types types-user migrations clean

demo: $(VENV)/.installed
	@$(PY) example_project/manage.py demo $(ARGS)

test: $(VENV)/.installed
	$(PYTEST) $(ARGS)

test-databases: test-postgresql test-mariadb

test-postgresql: $(VENV)/.installed-databases
	D7VERIFY_TEST_DATABASE_URL=$(POSTGRESQL_URL) $(PYTEST) $(DATABASE_FREE) $(ARGS)

test-mariadb: $(VENV)/.installed-databases
	D7VERIFY_TEST_DATABASE_URL=$(MARIADB_URL) $(PYTEST) $(DATABASE_FREE) $(ARGS)

# The site under gunicorn, driven over HTTP and killed at named points, on each database.
# They wait more than they compute: make -j3 -O test-processes takes a third of the time.
test-processes: test-processes-sqlite test-processes-postgresql test-processes-mariadb

test-processes-sqlite: $(VENV)/.installed-databases
	$(HARNESS) $(ARGS)

test-processes-postgresql: $(VENV)/.installed-databases
	D7VERIFY_TEST_DATABASE_URL=$(POSTGRESQL_URL) $(HARNESS) $(ARGS)

test-processes-mariadb: $(VENV)/.installed-databases
	D7VERIFY_TEST_DATABASE_URL=$(MARIADB_URL) $(HARNESS) $(ARGS)

# The pages in the system's Chromium, or in that of D7VERIFY_CHROMIUM; pictures of each are kept.
test-browser: $(VENV)/.installed-browser
	D7VERIFY_BROWSER=1 D7VERIFY_SCREENSHOTS=$(SCREENSHOTS) $(PY) -m pytest tests/browser -n 2 $(ARGS)

# Real queues, django-otp, django-allauth, and the API against its schema.
test-bridges: $(VENV)/.installed-bridges
	D7VERIFY_TEST_REDIS_URL=$(REDIS_URL) $(BRIDGES) $(ARGS)

# Each Python with its Django, and the lowest versions of all dependencies, by tox; what is missing
# of Pythons, uv fetches. One of them: make matrix ARGS="-e lowest -- tests/stories"
matrix: $(VENV)/.installed-matrix
	D7VERIFY_TEST_REDIS_URL=$(REDIS_URL) $(PY) -m tox $(ARGS)

# Texts into the catalogs, and these into what is read at run time. A new language:
# make messages LANGUAGES="et ar fr", and then the same again once it is translated. Needs gettext.
messages: $(VENV)/.installed
	cd django_d7verify && ../$(PY) -m django makemessages $(LANGUAGES:%=-l %) --no-location --no-obsolete --ignore "emulator/*"
	cd django_d7verify && ../$(PY) -m django compilemessages $(LANGUAGES:%=-l %)

# What a code costs, on SQLite and PostgreSQL; in less than a minute: make bench ARGS=--quick
bench: $(VENV)/.installed-databases
	D7VERIFY_BENCH_DATABASE_URL=$(POSTGRESQL_URL) $(PY) -m tests.benchmark $(ARGS)

lint: style types types-user migrations

style: $(VENV)/.installed-lint
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check

types: $(VENV)/.installed-lint
	$(PY) -m mypy
	$(VENV)/bin/pyright --pythonpath $(PY)

# A site's own code over the app, strict, as two type checkers see it.
types-user: $(VENV)/.installed-lint
	$(PY) -m mypy --config-file tests/typed_site/mypy.ini --package tests.typed_site
	$(VENV)/bin/pyright --pythonpath $(PY) --project tests/typed_site

migrations: $(VENV)/.installed
	$(PY) example_project/manage.py makemigrations --check --dry-run

clean:
	rm -rf $(VENV) .screenshots build dist .mypy_cache .pytest_cache .ruff_cache

# Run again only where pyproject.toml is newer. pip leaves alone what fits already.

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, as in: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing into $(VENV) ..."
	@$(PIP) --editable '.[example,test]'
	@touch $@

$(VENV)/.installed-databases: pyproject.toml $(VENV)/.installed
	@$(PIP) --editable '.[postgresql,mariadb]'
	@touch $@

$(VENV)/.installed-browser: pyproject.toml $(VENV)/.installed
	@$(PIP) --editable '.[browser]'
	@touch $@

$(VENV)/.installed-bridges: pyproject.toml $(VENV)/.installed
	@$(PIP) --editable '.[bridges]'
	@touch $@

$(VENV)/.installed-matrix: pyproject.toml $(VENV)/.installed
	@$(PIP) --editable '.[matrix]'
	@touch $@

$(VENV)/.installed-lint: pyproject.toml $(VENV)/.installed
	@$(PIP) --editable '.[postgresql,mariadb,lint]'
	@touch $@
