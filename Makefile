# What a fresh machine needs is installed by the targets that need it. Works with GNU make 3.81 (macOS).

# dev or release.
PROFILE ?= release
# More arguments for `elt run` and `elt serve`, e.g. make run ARGS='--select vouchers'.
ARGS ?=
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
ELT := $(TARGET_DIR)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/elt
# What cargo reads for the binary. With nothing newer here than the binary, cargo is not even asked.
SOURCES := Cargo.toml Cargo.lock $(wildcard build.rs) $(shell find src migrations -type f 2>/dev/null)
# rustup's folder is not on PATH in the terminal that has just run it.
export PATH := $(PATH):$(HOME)/.cargo/bin

.PHONY: run serve build test test-api test-pages test-scale beside-dbt bench lint docs ci docker clean help install-postgres install-python need-rust

run: $(if $(DATABASE_URL),,install-postgres) $(ELT) ## load, test and publish everything (the default)
	@$(ELT) run $(ARGS)

serve: $(if $(DATABASE_URL),,install-postgres) $(ELT) ## serve what is published over HTTP
	@$(ELT) serve $(ARGS)

build: $(ELT) ## build the binary

$(ELT): $(SOURCES)
	@$(MAKE) --no-print-directory need-rust
	cargo build --locked --profile $(PROFILE) --bin elt
	@touch $@

test: install-postgres install-python need-rust ## run all tests on a PostgreSQL of their own
	cargo test --locked $(ARGS)
	$(if $(ARGS),,@scripts/test-artifacts.sh)
	$(if $(ARGS),,@scripts/test-api.sh)
	$(if $(ARGS),,@scripts/test-pages.sh)

test-api: install-postgres install-python need-rust ## try the HTTP API from outside with made-up requests
	@scripts/test-api.sh

test-pages: install-postgres need-rust ## try the pages in a real browser
	@scripts/test-pages.sh

beside-dbt: install-postgres $(ELT) ## run a dbt project (DBT_PROJECT, else jaffle-shop) by DBT and by elt, compare
	@scripts/beside-dbt.sh

test-scale: install-postgres need-rust ## compare customer 360 of 100,000 customers with an independent computation
	ELT_TEST_SHOP_SCALE=100 cargo test --locked --test elt customer_360

bench: install-postgres need-rust ## measure
	cargo bench --locked $(ARGS)

lint: need-rust ## what CI says about form
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	@scripts/lint-deploy.sh

docs: need-rust ## documentation of the code, in target/doc
	RUSTDOCFLAGS=-Dwarnings cargo doc --no-deps --document-private-items --locked

ci: ## everything CI does
	.ci/run

docker: ## the image elt, and a PostgreSQL beside it
	docker compose build

clean: ## delete what was built; the data stay (see: elt clean --database)
	rm -rf "$(TARGET_DIR)"

install-postgres: ## install PostgreSQL's server programs if there are none
	@scripts/install-postgres.sh

install-python:
	@scripts/install-python-venv.sh

need-rust:
	@command -v cargo >/dev/null 2>&1 || { \
	  echo "cargo is missing. Install Rust (https://rustup.rs), then make again:" >&2; \
	  echo "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2; exit 1; }
	@command -v cc >/dev/null 2>&1 || { \
	  echo "A C compiler is missing. Install one, then make again:" >&2; \
	  echo "  Debian: sudo apt-get install -y build-essential    macOS: xcode-select --install" >&2; exit 1; }

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | column -t -s '|'
