# Each target is one or two lines; what needs thought is in book/ext/.
PYTHON ?= python3
PORT ?= 8000
# TORCH=cpu takes PyTorch's small build without CUDA, on Linux a tenth of the size.
TORCH ?=
# For two cores: a browser and a kernel are waited for.
WORKERS ?= 3
BIN := .venv/bin
READY := .venv/.ready
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Some containers forbid it, and then each of the many processes compiles the library and its tests anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help book check test test-browsers test-colab test-matrix lab live serve slides pdf bundle experiments page-model publish bench bench-build lint clean

help:  ## show this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

book: $(READY)  ## build the site (the first time: make .venv and install, some minutes)
	$(BIN)/python book/tools/build.py

check: WORKERS := 2  # there is little to wait for
check: $(READY)  ## lint, and the tests that need no built site and no browser (three minutes)
	@said=$$(mktemp); $(MAKE) --no-print-directory lint > $$said 2>&1 & $(PYTEST) -m "not site and not colab"; tests=$$?; \
	wait $$!; lint=$$?; cat $$said; rm $$said; exit $$((tests > lint ? tests : lint))

test: book  ## bring the book up to date, then run all tests
	$(PYTEST)

test-browsers: book  ## walk through the whole site in Firefox and WebKit (half an hour)
	BOOK_ENGINES=firefox,webkit $(BIN)/python -m pytest -m engines tests/engines

test-colab: book  ## run every edition as Colab would (the first time: 5 GB of packages, some minutes)
	$(PYTEST) -m colab tests/colab

test-matrix: $(READY)  ## run the tests on old and new Pythons and packages (an hour or more, tens of GB for a while)
	$(BIN)/python tests/matrix.py --write

lab: book  ## open copies of the chapters in JupyterLab; what you change in notebooks/ stays
	$(BIN)/python book/tools/lab.py

live: book  ## open the live edition in JupyterLab, a new copy for each lesson; older ones stay in live/
	$(BIN)/python book/tools/lab.py live

pdf: book  ## print the whole book, with contents and links, for paper (a minute)
	$(BIN)/python book/tools/pdf.py

slides: book  ## make the decks of slides, and say where they are
	@ls _build/html/slides/*.html

bundle: book  ## pack site, notebooks and the list of packages for a room without the internet
	$(BIN)/python book/tools/bundle.py

serve: book  ## serve the built site on this machine (PORT=8000)
	$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

publish: book  ## put the built site on the branch gh-pages of origin
	$(BIN)/python book/tools/publish.py

experiments: $(READY)  ## train the small networks anew, experiment on the real one, transfer it, and time what came after (an hour on two cores)
	$(BIN)/python -m mobilenet_lib.topics.experiments
	$(BIN)/python -m mobilenet_lib.topics.trained
	$(BIN)/python -m mobilenet_lib.topics.transfer_results
	$(BIN)/python -m mobilenet_lib.topics.family_results

page-model: $(READY)  ## write the file that pages fetch to name what they see, and its photographs, anew (two minutes)
	$(BIN)/python -m mobilenet_lib.topics.page_model

bench: book  ## measure networks and pages: latency, weight, sliders, loading, live counts (long: the slow phone alone takes ten minutes)
	$(BIN)/python benchmarks/in_the_page.py
	$(BIN)/python benchmarks/what_it_sees.py
	$(BIN)/python benchmarks/eight_bits.py
	$(BIN)/python benchmarks/slow_phone.py
	$(BIN)/python benchmarks/models.py; models=$$?; $(BIN)/python benchmarks/pages.py && exit $$models

bench-build: $(READY)  ## measure how long the book takes to build, cold and warm
	$(BIN)/python benchmarks/build.py

lint: $(READY)  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/nbstripout --verify --keep-id chapters/*.ipynb

clean:  ## remove what was built (not .venv)
	rm -rf _build .pytest_cache .ruff_cache

$(READY): requirements.txt pyproject.toml setup.py
	@if test -x $(BIN)/python; then $(BIN)/python book/tools/old_enough.py; else $(PYTHON) book/tools/old_enough.py; fi
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python book/tools/install.py $(if $(TORCH),--torch-backend=$(TORCH)) -r requirements.txt -e .
	touch $@
