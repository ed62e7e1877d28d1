# make serve | test | lint | bench | fuzz | docs | clean       each sets up what it needs; a second run starts at once
#
# ARGS go to the program that is run: make serve ARGS='--source test', make test ARGS='-k rtcp'
# PYTHON is the Python to build the virtual environment from.
# FUZZ is a target in tests/fuzz, SECONDS how long it runs: make fuzz FUZZ=nal SECONDS=600

PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
ARGS =
FUZZ = rtsp
SECONDS = 60
FOUND = build/fuzz/$(FUZZ)

# On a Raspberry Pi the camera's Python modules come with the system and match its libcamera.
SYSTEM_PACKAGES = /usr/lib/python3/dist-packages
SHARED = $(if $(wildcard $(SYSTEM_PACKAGES)/libcamera $(SYSTEM_PACKAGES)/picamera2),--system-site-packages)

PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet
# A plain path file; the other mode of editable installs imports a finder at every start.
EDITABLE = --no-build-isolation --config-settings editable_mode=compat --editable

.PHONY: serve setup test test-setup lint bench fuzz docs clean
.DELETE_ON_ERROR:

serve: setup
	@exec $(BIN)/vstream serve $(ARGS)

setup: $(VENV)/.extension

test: test-setup
	@$(BIN)/python -m pytest $(ARGS)

test-setup: setup $(VENV)/.test-packages $(VENV)/.tests

lint: setup $(VENV)/.tests
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/stubtest vstream._fastpath

bench: test-setup
	@$(BIN)/python -m bench $(ARGS)

fuzz: setup $(VENV)/.tests
	@mkdir -p $(FOUND)
	@$(BIN)/python -m tests.fuzz.fuzz_$(FUZZ) -max_total_time=$(SECONDS) -artifact_prefix=$(FOUND)/ $(ARGS) \
		$(FOUND) tests/fuzz/seeds/$(FUZZ)

docs: setup
	@$(BIN)/vstream config --markdown > docs/configuration.md

clean:
	rm -rf $(VENV) build dist *.egg-info vstream/*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -exec rm -rf {} +

$(VENV)/.created:
	@packaging/check-build-tools $(PYTHON)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(SHARED) $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml
	@echo 'Installing the Python packages that vstream needs'
	@$(BIN)/python packaging/build-requirements.py > $(VENV)/build-requirements.txt
	@$(PIP) install --requirement $(VENV)/build-requirements.txt
	@$(PIP) install $(EDITABLE) .
	@touch $@

$(VENV)/.extension: $(VENV)/.installed vstream/_fastpath.pyx $(wildcard vstream/fastpath/*) setup.py
	@$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

$(VENV)/.tests: $(VENV)/.installed
	@echo 'Installing the Python packages that tests and checks need'
	@$(PIP) install $(EDITABLE) '.[test,lint]'
	@$(PIP) install $(EDITABLE) '.[fuzz]' || echo 'No atheris for this Python: fuzzing is left to the stored inputs'
	@touch $@

# Tests of players that are not there are skipped, each with its reason.
$(VENV)/.test-packages: packaging/test-packages.txt $(VENV)/.created
	@packaging/install-packages $< && touch $@ || true

# The fast path under AddressSanitizer and UndefinedBehaviorSanitizer, with a look for leaks.
.PHONY: sanitize
sanitize: setup $(VENV)/.tests
	@PYTHON=$(BIN)/python tests/sanitize $(ARGS)

# What is shipped, into dist/: the programs, the container image, the Debian package; and all of it for arm64, emulated.
.PHONY: binary root image deb arm64-test
binary:
	@PYTHON=$(PYTHON) packaging/build-binary

# The image's root file system with this machine's libraries; without libcamera, which a machine that builds may lack.
root: binary
	@PYTHON=$(PYTHON) packaging/build-root

image:
	@packaging/build-image $(ARGS)

deb: binary
	@packaging/build-deb

arm64-test:
	@packaging/arm64-test $(ARGS)
