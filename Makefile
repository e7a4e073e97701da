# Few words; `make help` lists them. The longer steps are scripts in deploy/setup/.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# each process that starts would compile some five thousand modules again
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv/bin
RUN := deploy/setup/with_tools.sh
DATA := ../shared/data
CODE := flink_job udfs connectors deploy tests samples

.PHONY: help
help: ## List these words
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: .venv/.ready build/pyflink-dependencies.jar build/kinesalite/.ready build/guard/.ready ## .venv with the locked packages and the command, the jar, kinesalite, cfn-guard

.PHONY: demo
demo: setup ## Run the job on the sample calls and draw the result: build/demo/report.html
	rm -rf build/demo
	$(RUN) $(VENV)/call-sentiment local --calls samples --output build/demo --speed max
	$(VENV)/call-sentiment report build/demo --output build/demo/report.html

.PHONY: test
test: setup ## Run all tests
	$(RUN) $(VENV)/pytest -n auto --dist worksteal -m "not flink"
	$(RUN) $(VENV)/pytest -n 2 --dist worksteal -m flink

.PHONY: check
check: setup ## Lint, format, types and the quick tests: under 2 minutes
	$(VENV)/ruff check $(CODE)
	$(VENV)/ruff format --check $(CODE)
	$(VENV)/mypy
	$(RUN) $(VENV)/pytest -q -n auto --dist worksteal -m "not flink and not slow"

.PHONY: test-flink
test-flink: setup ## Run only the tests that start a real Flink
	$(RUN) $(VENV)/pytest -n 2 --dist worksteal -m flink

.PHONY: bench
bench: setup ## Measure the speed against a bare loop: build/bench.json
	$(RUN) $(VENV)/python -m tests.bench --output build/bench.json

SEEDS := 3
.PHONY: chaos
chaos: setup ## Break what the job stands in, and compare its rows: build/chaos.json
	$(RUN) $(VENV)/python -m tests.chaos --seeds $(SEEDS) --output build/chaos.json

.PHONY: package
package: setup ## Make the zip for Managed Service for Apache Flink: build/call-sentiment.zip
	$(VENV)/call-sentiment package

.PHONY: rehearse
rehearse: package ## Run that zip as the service would, on eight real calls, and compare its rows
	PYTHONWARNINGS=ignore $(RUN) $(VENV)/python -m tests.rehearsal

SPEECH := udfs/pretrained/call-sentiment-speech
TEXT := udfs/pretrained/call-sentiment-text

.PHONY: models
models: setup ## Train the shipped models anew and measure them (needs the training data)
	$(VENV)/python -m udfs.training.prepare --data $(DATA) --output build/data
	rm -rf build/features
	$(VENV)/call-sentiment train audio --manifest build/data/emodb.csv --recipe speech --output $(SPEECH) --features build/features
	for unseen in speaker,sentence speaker; do for prior in own 0.55,0.25,0.20; do \
	  $(VENV)/call-sentiment evaluate audio --manifest build/data/emodb.csv --recipe speech --features build/features \
	    --leave-one-out $$unseen --operating-prior $$prior --conditions all --noise build/data/noise/test --skip-label boredom \
	    --calm build/data/harper_valley_audio.csv --output build/evaluation/speech-$$unseen-$$prior --card $(SPEECH) || exit; \
	done; done
	$(VENV)/call-sentiment train text --manifest build/data/goemotions.csv --recipe text --output $(TEXT)
	$(VENV)/call-sentiment evaluate text --manifest build/data/goemotions.csv --split test --model $(TEXT) \
	  --conditions all --calm build/data/harper_valley_text.csv --output build/evaluation/text --card $(TEXT)
	$(VENV)/call-sentiment evaluate text --manifest build/data/service_phrases.csv --split phrases --model $(TEXT) \
	  --output build/evaluation/phrases --card $(TEXT)
	$(VENV)/call-sentiment evaluate text --manifest udfs/evaluation/irony.en.csv --model $(TEXT) \
	  --output build/evaluation/irony --card $(TEXT)
	$(VENV)/python -m flink_job.data_card deploy/DATA_CARD.md

.PHONY: format
format: setup ## Put the code, the README's tables and what watches the job in order
	$(VENV)/ruff check --fix $(CODE)
	$(VENV)/ruff format $(CODE)
	$(VENV)/python -m flink_job.readme_tables README.md
	$(VENV)/python -m flink_job.capacity.document deploy/CAPACITY.md
	$(VENV)/python -m flink_job.data_card deploy/DATA_CARD.md
	$(VENV)/python -m flink_job.monitoring deploy

.PHONY: lock
lock: setup ## Write requirements.lock anew from pyproject.toml
	$(VENV)/uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 \
	  --extra dev --custom-compile-command 'make lock' pyproject.toml -o requirements.lock

.PHONY: clean
clean: ## Remove all that was made here: build, .venv, caches
	rm -rf build .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find $(CODE) -name __pycache__ -prune -exec rm -rf {} +

# Each stamp is written last, so that an interrupted step is taken again.

.venv/.locked: requirements.lock deploy/setup/venv.sh deploy/setup/build-constraints.txt
	deploy/setup/venv.sh
	@touch $@

.venv/.ready: pyproject.toml .venv/.locked
	$(VENV)/uv pip install --quiet --python $(VENV)/python --no-deps --no-build-isolation --editable .
	@touch $@

build/pyflink-dependencies.jar: deploy/pom.xml | .venv/.locked
	deploy/setup/jar.sh

build/kinesalite/.ready build/guard/.ready: build/%/.ready: deploy/%/package-lock.json | .venv/.locked
	deploy/setup/npm.sh $*
