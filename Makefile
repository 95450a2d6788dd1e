# Every command of the project; `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
export PYTHONPATH := .:protos
VENV := .venv/bin
PYTHON_IN := $(VENV)/python
STAMP := .venv/.installed

.PHONY: help
help: ## show this list
	@echo "Portico. Commands:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

$(STAMP): requirements.txt deploy/venv.sh
	@deploy/venv.sh

.PHONY: run
run: $(STAMP) ## start everything on this machine; PORT=8000 changes the gateway's port, Ctrl-C stops all
	@exec $(PYTHON_IN) -m deploy.local

.PHONY: test
test: $(STAMP) ## run all tests against real PostgreSQL, RabbitMQ and PowerDNS; ARGS="-k name" chooses
	@$(PYTHON_IN) -m pytest -n 3 --dist loadscope $(ARGS)

.PHONY: lint
lint: $(STAMP) ## ruff, import rules, buf, and drift of generated code and schema
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/lint-imports
	cd protos && ../$(VENV)/buf lint
	@if git ls-tree -r --name-only main -- protos 2>/dev/null | grep -q '\.proto$$'; then \
		echo "buf breaking against main"; \
		cd protos && ../$(VENV)/buf breaking --against '../.git#branch=main,subdir=protos'; \
	else echo "buf breaking: main holds no proto to compare with"; fi
	deploy/generate.sh --check
	@mkdir -p .run && $(PYTHON_IN) -m gateway.schema > .run/schema.graphql
	@diff -u gateway/schema.graphql .run/schema.graphql || \
		{ echo "gateway/schema.graphql differs from the code: run 'make schema' and commit." >&2; exit 1; }

.PHONY: types
types: $(STAMP) ## mypy --strict
	$(VENV)/mypy

.PHONY: proto
proto: $(STAMP) ## generate Python, type stubs and gRPC code beside the protos
	@deploy/generate.sh

.PHONY: schema
schema: $(STAMP) ## print the GraphQL schema to gateway/schema.graphql
	@$(PYTHON_IN) -m gateway.schema > gateway/schema.graphql.new && mv gateway/schema.graphql.new gateway/schema.graphql

.PHONY: bench
bench: $(STAMP) ## measure the running stack
	@$(PYTHON_IN) -m deploy.bench

.PHONY: clean
clean: ## delete the local data, secrets and logs (.run); asks the running stack's lock first
	@if [ -e .run/lock ] && ! flock -n .run/lock true; then echo "Portico is running; stop it first." >&2; exit 1; fi
	@if [ -e .run/data-is-at ]; then rm -rf -- "$$(cat .run/data-is-at)"; fi
	rm -rf .run
