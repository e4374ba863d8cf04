# Every target sets up what it needs: a bare machine has Python 3.11+, venv, git and make.
PY := .venv/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check

.PHONY: setup setup-dev run demo check test test-wire bench bench-proxy bench-revert bench-detect bench-detect-alibi bench-stage0 bench-store evaluate test-export bench-sensitive train-names train leave-one-out train-adapter measure-adapter pins docs clean image test-helm test-image test-recipes

.venv/made:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	@python3 -m venv .venv
	@touch $@

.venv/core: .venv/made requirements/core.txt requirements/demo.txt scripts/system-libs
	@echo "setup: installing pinned packages"
	@$(PIP) --require-hashes -r requirements/core.txt
	@$(PIP) --require-hashes --no-deps -r requirements/demo.txt
	@scripts/system-libs
	@$(PY) -c 'import pathlib, sysconfig; (pathlib.Path(sysconfig.get_path("purelib")) / "groundwire.pth").write_text(str(pathlib.Path.cwd()))'
	@printf '#!%s/.venv/bin/python\nimport sys\nfrom proxy.cli import main\nsys.exit(main())\n' "$(CURDIR)" > .venv/bin/groundwire
	@chmod +x .venv/bin/groundwire
	@touch $@

.venv/dev: .venv/core requirements/dev.txt scripts/test-setup
	@echo "setup: installing pinned packages for tests"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@scripts/test-setup
	@touch $@

# Helm's own SDK is a wheel of 75 MB; the render and golden tests of `make test` need it.
.venv/helm: .venv/dev requirements/helm.txt
	@echo "setup: installing pinned packages for the chart's tests"
	@$(PIP) --require-hashes -r requirements/helm.txt
	@touch $@

setup: .venv/core  ## the pinned packages, in .venv

setup-dev: .venv/dev  ## and those of tests and checks

run: setup  ## the whole story on a real small model server: healthy, eroding, warned, reverted, explained
	@.venv/bin/groundwire demo

demo: setup  ## the same in half a minute on a synthetic upstream
	@.venv/bin/groundwire demo --upstream synthetic

check: setup-dev  ## formatting, lint, types, layers
	@.venv/bin/ruff format --check -q .
	@.venv/bin/ruff check -q .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

test: check .venv/helm  ## everything that must hold; under 15 minutes on two cores
	@.venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not wire and not export and not image and not recipes and not alone"
	@.venv/bin/pytest -m alone

# Its own environment: torch alone is some gigabytes. TRAIN_PY=/path/to/python uses one that has the packages already.
TRAIN_PY ?= .venv/train/bin/python

.venv/train/bin/python: .venv/made requirements/train.txt requirements/demo.txt requirements/encoder.txt
	@echo "setup: installing pinned packages for training"
	@python3 -m venv .venv/train
	@$@ -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/train.txt
	@$@ -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/demo.txt
	@$@ -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/encoder.txt
	@touch $@

train: $(TRAIN_PY)  ## models/guard-* anew from DATA=FOLDER of labelled texts; an hour or two, resumes where it stopped
	@$(TRAIN_PY) -m models.recipes.guard --data $(DATA) $(ARGS)

leave-one-out: $(TRAIN_PY)  ## DATA=FOLDER: how a source is scored by models that never saw it; ARGS=--encoder for hours
	@$(TRAIN_PY) -m models.recipes.guard.leave_one_out --data $(DATA) $(ARGS)

train-adapter: $(TRAIN_PY)  ## models/alignment-smollm2/adapter.gguf anew
	@$(TRAIN_PY) -m models.recipes.alignment_adapter

measure-adapter: setup  ## how often it refuses, by its scale
	@$(PY) -m models.recipes.measure_alignment

docs: setup  ## pages that are made from declarations
	@$(PY) -m proxy.config.reference > docs/configuration.md
	@$(PY) -m proxy.stores.redis_keys > docs/redis-keys.md
	@$(PY) -m proxy.config.policy_schema > policies/schema.json
	@$(PY) scripts/helm-values > docs/helm-values.md
	@$(PY) -m proxy.inventory.page > docs/data-inventory.md
	@$(PY) -m proxy.telemetry.page > docs/metrics.md
	@$(PY) -m proxy.telemetry.dashboards helm/groundwire/files/dashboards

pins:  ## renew requirements/*.txt (needs uv)
	@scripts/pin

clean:
	@rm -rf .venv .cache/wire .cache/bench .mypy_cache .ruff_cache .hypothesis .import_linter_cache

test-wire: setup-dev  ## peers' suites and every client through Groundwire; minutes
	@scripts/wire-setup
	@.venv/bin/pytest -m wire

test-export: setup-dev $(TRAIN_PY)  ## models add with torch: export, int8, agreement; needs the training environment
	@TRAIN_PY=$(TRAIN_PY) .venv/bin/pytest -m export

evaluate: setup  ## the table of quality of a shipped model on rows it was not trained on: DATA=FOLDER [MODEL=NAME]
	@$(PY) -m proxy.cli models evaluate $(or $(MODEL),guard-small) --data $(or $(DATA),DATA=FOLDER-is-missing) --held-out $(ARGS)

bench-proxy: setup-dev  ## beside nginx, Envoy and plain aiohttp; ARGS=--quick for one short round
	@scripts/bench-setup
	@$(PY) -m bench.proxy $(ARGS)

bench-revert: setup-dev  ## a revert while 200 streams run: failed requests, and the time it takes
	@$(PY) -m bench.revert $(ARGS)

train-names: setup-dev  ## proxy/sensitive/names.npz anew: DATA=FOLDER of labelled texts
	@$(PIP) -r models/recipes/names/requirements.txt
	@$(PY) -m models.recipes.names --data $(DATA)

bench-sensitive: setup-dev  ## what the patterns and the name tagger cost a kilobyte; ARGS="--data FOLDER" for their quality
	@$(PY) -m bench.sensitive $(ARGS)

bench-stage0: setup-dev  ## how well and how fast the patterns judge: DATA=FOLDER of labelled texts
	@$(PY) -m bench.stage0 --data $(DATA)

bench-store: setup-dev  ## Redis bytes a route and day, milliseconds a flush, whatever the traffic
	@$(PY) -m bench.store $(ARGS)

.venv/detect: .venv/dev requirements/detect.txt
	@echo "setup: installing pinned packages to compare detectors with"
	@$(PIP) --require-hashes -r requirements/detect.txt
	@touch $@

bench-detect: .venv/detect  ## detectors beside others on seeded streams: pages, delay, cost; ARGS=--quick for under a minute
	@$(PY) -m bench.detect $(ARGS)

.venv/alibi: .venv/dev requirements/alibi.txt
	@echo "setup: installing pinned packages to compare alibi-detect with (0.8 GB)"
	@rm -rf $@ && python3 -m venv $@
	@$@/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/alibi.txt
	@touch $@

bench-detect-alibi: .venv/detect .venv/alibi  ## bench-detect with alibi-detect too, which takes minutes to configure
	@$(PY) -m bench.detect --alibi .venv/alibi/bin/python $(ARGS)

BENCH_PY ?= $(PY)

bench-classify: setup  ## int8 beside float32 and PyTorch: ARGS="--fp32 FILE --torch FOLDER" BENCH_PY=$(TRAIN_PY)
	@$(BENCH_PY) -m bench.classify $(ARGS)

bench: bench-proxy bench-revert  ## the benchmarks that need nothing else; on a quiet machine

test-helm: .venv/helm  ## the chart: lint, golden files, schemas of Kubernetes, Pod Security; GOLDEN=1 writes the files anew
	@.venv/bin/pytest tests/helm

# LiteLLM has 100 packages and pins of its own.
.venv/litellm: .venv/made requirements/litellm.txt
	@echo "setup: installing pinned packages of LiteLLM"
	@python3 -m venv .venv/litellm
	@.venv/litellm/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/litellm.txt
	@touch $@

test-recipes: .venv/dev .venv/litellm  ## docs/recipes: LiteLLM in front of Groundwire, Envoy in front of it
	@scripts/bench-setup envoy
	@.venv/bin/pytest -m recipes tests/recipes

IMAGE_ARGS ?=

image:  ## both images with buildah: IMAGE_ARGS="--build-arg BASE=... --build-arg BUILD_BASE=..." (docs/install/image.md)
	@scripts/image $(IMAGE_ARGS)

test-image: .venv/helm  ## images built, measured and run; the sidecar example under podman; as root, minutes
	@scripts/image-setup
	@.venv/bin/pytest -m image tests/image
