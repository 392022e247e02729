# One command each. Everything lives in .venv; PYTHON names the interpreter to make it from.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check
NATIVE := setup.py pyproject.toml $(shell find csrc src -name '*.[ch]' -not -name _core.c -o -name '*.pyx' -o -name '*.pxi' -o -name 'gen_*.py')
STRICT := -Wall -Wextra -Wconversion -Wdouble-promotion -Wvla -Wstrict-prototypes -Werror

.PHONY: help demo agent-demo parrot dial test test-slow bench quality figures-quick lint docs sanitize memcheck fuzz wheel clean

help:
	@echo 'make demo       build, then take the example calls through the pipeline, and explain one in demo-out/report.html'
	@echo 'make agent-demo build, then the agent stack with its embedded providers takes a call: no key, no network'
	@echo 'make parrot     build, then answer phone calls on port 8080 with examples/parrot.py'
	@echo 'make dial       ring it from another terminal, and see a table of what happened'
	@echo 'make test       build, then the test suite (all but slow; make test-slow runs everything)'
	@echo 'make bench      times of every kernel and of the call, peers beside them; writes docs/benchmarks (10 minutes, nothing else on the machine)'
	@echo 'make quality    what it hears and how it sounds, peers beside it; writes docs/quality.md (20 minutes)'
	@echo 'make lint       ruff, mypy --strict, cppcheck, the C core with warnings as errors'
	@echo 'make docs       the documentation site in build/site, for a reader without a network'
	@echo 'make sanitize   the suite under AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo 'make memcheck   a whole call in C: nothing allocated a frame, and clean under valgrind'
	@echo 'make fuzz       each fuzz target for a minute (needs clang)'
	@echo 'make wheel      a wheel for this machine in dist/ (python wheels/build_local.py makes portable ones)'

$(VENV)/.tools: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install 'setuptools>=80' 'Cython>=3.2' 'numpy>=2.0' 'soxr>=0.5' 'rich>=13' 'jinja2>=3.1' 'soundfile>=0.12'
	@touch $@

$(VENV)/.built: $(VENV)/.tools $(NATIVE)
	$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.phone: $(VENV)/.built
	$(PIP) install --no-build-isolation --editable '.[cli,fast,phone]'
	@touch $@

$(VENV)/.agents: $(VENV)/.built
	$(PIP) install --no-build-isolation --editable '.[agentstack,cli,fast,local,phone]'
	@touch $@

$(VENV)/.test: $(VENV)/.built
	$(PIP) install --no-build-isolation --editable '.[test]'
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	$(PIP) install --no-build-isolation --editable '.[dev]'
	@touch $@

demo: $(VENV)/.built
	$(BIN)/talkpath demo

agent-demo: $(VENV)/.agents
	$(BIN)/python examples/agent_demo.py

parrot: $(VENV)/.phone
	$(BIN)/talkpath serve --app examples.parrot:answer

dial: $(VENV)/.phone
	$(BIN)/talkpath dial ws://127.0.0.1:8080/twilio

test: $(VENV)/.test
	$(BIN)/python -m pytest -m 'not slow'

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest

# The peers have an environment of their own; what of them this machine cannot have is named and left out. (silero-vad asks for PyTorch, and needs none.)
PEERS := build/bench
MEASURE := PYTHONPATH=src OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PEERS)/bin/python

$(PEERS)/.installed: $(VENV)/.built
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@$(BIN)/python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; print(*p['dependencies'], *p['optional-dependencies']['bench'], sep='\n')" > $(PEERS)/wanted.txt
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r $(PEERS)/wanted.txt || while read -r package; do \
	  $(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check "$$package" || echo "not available: $$package"; done < $(PEERS)/wanted.txt
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps silero-vad || echo 'not available: silero-vad'
	@touch $@

bench: $(PEERS)/.installed
	$(MEASURE) bench/speed.py

quality: $(PEERS)/.installed
	$(MEASURE) bench/quality/run.py

# Some of both, to see that they work: writes into build/figures, not into the repository.
figures-quick: $(PEERS)/.installed
	$(MEASURE) bench/speed.py --quick --folder build/figures
	$(MEASURE) bench/quality/run.py --quick --folder build/figures

lint: $(VENV)/.dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	@if command -v cppcheck >/dev/null; then \
	  cppcheck --quiet -j 2 --std=c11 --enable=warning,portability,performance --error-exitcode=1 --inline-suppr --suppress=shiftTooManyBitsSigned --suppress=uninitvar:csrc/wire/plc_analysis.c -Icsrc -Icsrc/include csrc; \
	else echo 'lint: cppcheck is not installed, skipped'; fi
	@find csrc -name '*.c' -not -path '*/fuzz/*' | xargs -P 2 -I{} $(CC) -std=c11 -O2 $(STRICT) -Icsrc -Icsrc/include -fsyntax-only {}
	@echo 'lint: clean'

$(VENV)/.docs: $(VENV)/.built
	$(PIP) install --no-build-isolation --editable '.[docs]'
	@touch $@

# A missing page and a dead link are warnings, and --strict fails for each. (With --quiet it would not see them.)
docs: $(VENV)/.docs
	$(BIN)/python docs/site/scripts.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo 'docs: build/site/index.html'

# A venv-independent build in build/sanitize; leaks are CPython's own business.
sanitize: $(VENV)/.test
	CC='$(CC)' $(BIN)/python wheels/sanitize.py

memcheck: $(VENV)/.test
	$(BIN)/python tests/whole_call.py allocations
	$(BIN)/python tests/whole_call.py memcheck

fuzz:
	csrc/fuzz/run.sh

wheel: $(VENV)/.dev
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

clean:
	rm -rf build dist wheelhouse demo-out src/talkpath/_core.c src/talkpath/*.so src/*.egg-info
