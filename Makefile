# The menu. `make` alone prints it.
#
# PROFILE=dev builds what `run` and `demo` start without optimisation (faster to build).

PROFILE ?= release
SHELL := /bin/bash
export PROFILE

.DEFAULT_GOAL := help
.PHONY: help run demo test test-full bench fmt clean

help: ## Print this menu
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## Build, choose safe defaults, start the gateway and print its address
	@scripts/run.sh

demo: ## See a turn run a real tool, with a scripted model: no API key needed
	@scripts/demo.sh

test: ## Install what the tests need, then run every check
	@scripts/test.sh

test-full: ## The same, images built from their sources, and a new machine (takes long)
	@FULL=1 scripts/test.sh

bench: ## Measure the figures of docs/benchmarks.md and write them down
	cargo xtask bench --write

fmt: ## Format the sources
	cargo fmt --all

clean: ## Remove everything that was built
	cargo clean
	rm -rf tests/peers/node_modules ui/node_modules ui/dist/assets ui/dist/index.html* ui/artifacts
