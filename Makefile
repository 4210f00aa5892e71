# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The short way to everything: `make help` lists it. Each goal sets up what it needs, so that a
# fresh Debian 12 machine with make and a checkout has all it takes.

.DEFAULT_GOAL := build
.NOTPARALLEL:
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

BUILD ?= build
# Cores, but no more jobs than fit in memory at 1 GiB each.
JOBS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); \
	awk -v n=$$n '/^MemAvailable/ { m = int($$2 / 1048576); if (m < 1) m = 1; if (m < n) n = m } END { print n }' \
	/proc/meminfo 2>/dev/null || echo $$n)
# What goes to the server: make run ARGS='--port 9000'
ARGS ?=
# What goes to CMake's first step: make build CMAKE_FLAGS='-DPULSE_WITH_SYSTEMD=OFF'
CMAKE_FLAGS ?=
# What goes to ctest: make test CTEST_FLAGS='-R presence'
CTEST_FLAGS ?=
# What goes to bench.py: make bench BENCH_FLAGS='--set table'
BENCH_FLAGS ?=
FUZZ_SECONDS ?= 60
CHAOS_SECONDS ?= 10
PREFIX ?= /usr/local

# CMake reads it when a build folder is new; an old one keeps the generator it has.
ifneq ($(shell command -v ninja),)
export CMAKE_GENERATOR ?= Ninja
endif

CONFIGURE = cmake -S . -B $(BUILD) $(CMAKE_FLAGS)
COMPILE = cmake --build $(BUILD) --parallel $(JOBS)

.PHONY: build run demo-roblox test chaos bench bench-rivals asan tsan fuzz tidy format package install ci clean help

build: ## build the libraries and the server into build/bin (this is also plain `make`)
	@scripts/setup.sh build
	@$(configure_product)
	@$(COMPILE)

run: ## build, and start pulse-server on its embedded default (ARGS='--port 9000')
	@scripts/setup.sh build
	@$(configure_product)
	@$(COMPILE) --target pulse-server
	@exec $(BUILD)/bin/pulse-server $(ARGS)

demo-roblox: ## build, and see a message travel from a page to two Roblox game servers and back
	@scripts/setup.sh build test
	@$(CONFIGURE) -DPULSE_BUILD_TESTS=ON
	@$(COMPILE) --target pulse-server mock-open-cloud
	@exec examples/roblox-demo/run.sh $(BUILD)

test: ## build, and run every test that needs no outside service (CTEST_FLAGS='-R presence')
	@scripts/setup.sh build test
	@$(CONFIGURE) -DPULSE_BUILD_TESTS=ON -DPULSE_BUILD_EXAMPLES=ON
	@$(COMPILE)
	@ctest --test-dir $(BUILD) --output-on-failure --no-tests=error --parallel $(JOBS) $(CTEST_FLAGS)

chaos: ## build, and let things break under a cluster, and under Mesa, for CHAOS_SECONDS (10) each
	@scripts/setup.sh build test
	@$(CONFIGURE) -DPULSE_BUILD_TESTS=ON
	@$(COMPILE) --target pulse-server mesa-test-app cluster_e2e_test
	@PULSE_CHAOS_SECONDS=$(CHAOS_SECONDS) $(BUILD)/bin/cluster_e2e_test '[chaos]'
	@PULSE_CHAOS_SECONDS=$(CHAOS_SECONDS) PULSE_TEST_SERVER=$(abspath $(BUILD))/bin/pulse-server \
		PULSE_TEST_MESA_APP=$(abspath $(BUILD))/bin/mesa-test-app \
		tests/conversations/run.sh $(abspath $(BUILD))/tests/conversations/node tests/conversations/mesa_chaos_test.mjs

bench: ## build, and measure: codec, hub and bridge, then the server under load (BENCH_FLAGS='--set table')
	@scripts/setup.sh build bench
	@$(configure_product) -DPULSE_BUILD_BENCHMARKS=ON
	@$(COMPILE)
	@benchmarks/run/micro.py --bin $(BUILD)/bin
	@if [[ -x $(BUILD)/bin/roblox-quota ]]; then \
		benchmarks/run/roblox.py --bin $(BUILD)/bin; \
		benchmarks/run/bench.py --bin $(BUILD)/bin --set roblox --servers benchmarks/run/servers-roblox.json -n 1; fi
	@benchmarks/run/bench.py --bin $(BUILD)/bin $(BENCH_FLAGS)

bench-rivals: ## the same load on Redis, NATS, Mosquitto and ws beside ours
	@scripts/setup.sh build bench rivals
	@$(configure_product) -DPULSE_BUILD_BENCHMARKS=ON
	@$(COMPILE)
	@benchmarks/rivals/run.sh

asan: ## every test under the address and undefined-behaviour sanitizers
	@scripts/setup.sh build test
	@$(call run_preset,$@)

tsan: ## every test under the thread sanitizer
	@scripts/setup.sh build test
	@$(call run_preset,$@)

fuzz: ## each fuzzer for FUZZ_SECONDS (60)
	@scripts/setup.sh build fuzz
	@cmake --preset fuzz $(CMAKE_FLAGS)
	@cmake --build --preset fuzz --parallel $(JOBS)
	@scripts/fuzz.sh build/fuzz/bin $(FUZZ_SECONDS)

tidy: ## clang-tidy over libraries and server
	@scripts/setup.sh build tidy
	@cmake --preset tidy $(CMAKE_FLAGS)
	@cmake --build --preset tidy --parallel $(JOBS)

format: ## clang-format what differs from the last commit (scripts/format.sh --all for everything)
	@scripts/setup.sh format
	@scripts/format.sh

package: ## Debian packages pulse-server and libpulse-dev in build/
	@scripts/setup.sh build package
	@$(configure_product)
	@$(COMPILE)
	@cd $(BUILD) && cpack -G DEB

install: ## install to PREFIX (/usr/local), below DESTDIR if set
	@[[ -x $(BUILD)/bin/pulse-server ]] || $(MAKE) build
	@cmake --install $(BUILD) --prefix $(PREFIX)

ci: ## all that is checked before a change goes in
	@scripts/ci.sh

clean: ## remove build/
	@rm -rf $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# A new build folder gets no tests, which would want more packages; one that has them keeps them.
configure_product = $(CONFIGURE) \
	$$([[ -f $(BUILD)/CMakeCache.txt ]] || echo -DPULSE_BUILD_TESTS=OFF -DPULSE_BUILD_EXAMPLES=OFF)
run_preset = cmake --preset $(1) $(CMAKE_FLAGS) && \
	$(no_aslr) cmake --build --preset $(1) --parallel $(JOBS) && \
	$(no_aslr) ctest --preset $(1) --parallel $(JOBS) $(CTEST_FLAGS)
# Debian 12's sanitizers do not find their shadow where newer kernels randomise that far.
no_aslr = $$([[ $$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0) -le 28 ]] || echo setarch -R)
