# The doors to everything that the project does by command. `make` alone lists them.
#
# CARGO_TARGET_DIR, CC, CXX, PREFIX, LIBDIR, INCLUDEDIR, BINDIR and DESTDIR are honoured. One build with fat LTO (`make build`) is
# what ships; tests, examples and conformance run on profile `ci`, which is close to it and quick to build.

CARGO  ?= cargo
CC     ?= cc
CXX    ?= c++
PREFIX ?= /usr/local
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))

LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR     ?= $(PREFIX)/bin

export CARGO CC CXX
export LLM_TARGET = $(TARGET)

.PHONY: help demo test check build ci-build header conformance bench install deb generate fmt clean live soak fuzz asan mutants loom

help:
	@echo 'make demo [MODEL=p/m]  build, then run the examples: on a scripted provider with a failover, or with your key'
	@echo 'make test              every test of every language'
	@echo 'make check             formats, lints, docs, header, architecture, licences, exported symbols'
	@echo 'make build             libllm.so, libllm.a and the command libllm, as they ship, in $(TARGET)/release'
	@echo 'make header            include/llm.h from ffi/src, and the ABI snapshot ffi/llm.abi'
	@echo 'make generate          types and tables of every language and docs/reference.md, from schema/src; docs/translations.md, from running the code'
	@echo 'make conformance       recorded providers through the C ABI, and what is sent against published schemas   [CORPUS=dir OUT=file JUDGE=path CHUNK=1|recorded|0 SPECS=dir]'
	@echo 'make soak [TIME=20]    host safety in its long form, with TIME minutes of random faults; its table goes to docs/host-safety.md'
	@echo 'make bench             load and micro benchmarks against bare hyper'
	@echo 'make live              a few calls to the real providers whose keys are in the environment'
	@echo 'make install           to PREFIX=$(PREFIX)   [LIBDIR= DESTDIR=]'
	@echo 'make deb               Debian packages, in $(TARGET)/debs'
	@echo 'make fuzz [TIME=60]    every fuzz target for so many seconds   [TARGETS="sse json"]'
	@echo 'make asan              the C suite with AddressSanitizer and LeakSanitizer'
	@echo 'make loom              every interleaving of small scenarios of the queue, cancel and what wakes whom   [FILTER=]'
	@echo 'make mutants           a seeded sample of mutants of framers and readers, or of all wires   [COUNT=60 SEED=1 OF=readers]'
	@echo 'make fmt  make clean'

demo: ci-build
	tools/demo.sh $(MODEL)

test:
	tests/run

check:
	tools/check.sh

# What ships, built once.
build:
	$(CARGO) build --release -p libllm-ffi -p libllm-gateway

# What tests, examples and conformance load.
ci-build:
	$(CARGO) build --profile ci -p libllm-ffi -p libllm-gateway

header:
	$(CARGO) run -q -p libllm-tools -- header
	$(CARGO) run -q -p libllm-tools -- abi

generate:
	$(CARGO) run -q -p libllm-generate
	UPDATE=1 $(CARGO) test -q -p libllm-proto --test translations

conformance: ci-build
	for chunk in $(or $(CHUNK),1 recorded 0); do \
	  tests/conformance/run.py --lib-dir $(TARGET)/ci --chunk $$chunk \
	    $(if $(CORPUS),--corpus $(CORPUS)) $(if $(JUDGE),--judge $(JUDGE)) \
	    --out $(or $(OUT),$(TARGET)/conformance/results.jsonl) || exit 1; \
	done
	tests/conformance/requests.sh $(TARGET)/conformance $(or $(SPECS),'') --lib-dir $(TARGET)/ci $(if $(CORPUS),--corpus $(CORPUS))

bench: build
	bench/run.py

soak: ci-build
	mkdir -p $(TARGET)/suites/soak
	LLM_ROOT=$(CURDIR) LLM_LIB_DIR=$(TARGET)/ci LLM_INCLUDE=$(CURDIR)/include LLM_BIN=$(TARGET)/ci/libllm LLM_WORK=$(TARGET)/suites/soak \
	  tests/host/run.py --long --soak $(or $(TIME),20) --table $(CURDIR)/docs/host-safety.md

live: ci-build
	tools/live.sh

install: build
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' INCLUDEDIR='$(INCLUDEDIR)' BINDIR='$(BINDIR)' \
	  packaging/install.sh $(TARGET)/release

deb: build
	packaging/deb.sh $(TARGET)/release $(TARGET)/debs

fuzz:
	fuzz/run $(or $(TIME),60) $(TARGETS)

asan:
	tools/asan.sh

loom:
	tools/loom.sh $(FILTER)

mutants:
	tools/mutants.py $(or $(COUNT),60) $(or $(SEED),1) $(or $(OF),readers)

fmt:
	$(CARGO) fmt --all

clean:
	$(CARGO) clean
