# Everything is built and tested from here. A machine with Go, Node.js, Python 3 and git is enough;
# what else is needed is installed into .venv, .venv-checkov and node_modules, at the versions the lock files pin.

SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
MAKEFLAGS     += --no-builtin-rules
# As many at a time as there are processors, unless make was told how many.
ifeq ($(MAKELEVEL)$(filter -j% --jobserver%,$(MAKEFLAGS)),0)
MAKEFLAGS     += -j$(shell getconf _NPROCESSORS_ONLN)
endif
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDEXPANSION:

PYTHON   ?= python3
FUZZTIME ?= 10s
ARGS     ?=

# The JavaScript runtime of the CDK says on every run that Node.js 20 is past its end of life.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
export CDK_DISABLE_CLI_TELEMETRY := true

# lambda.norpc leaves out net/rpc, trimpath and the empty build id give the same bytes for the same
# sources, so that a deployment replaces only the functions that changed.
GO_FLAGS := -tags lambda.norpc -trimpath -buildvcs=false
GO_BUILD := CGO_ENABLED=0 go build $(GO_FLAGS) -ldflags "-s -w -buildid="

# The settings: SETTINGS=../acme/warder.json, in the environment or on the command line. The path is taken as it is.
path       = '$(subst ','\'',$(1))'
SETTINGS_FILE = $(if $(value SETTINGS),$(call path,$(value SETTINGS)),cdk.json)
unexport SETTINGS
CDK        = $(if $(value SETTINGS),WARDER_SETTINGS_FILE=$(SETTINGS_FILE)) node_modules/.bin/cdk
# What stayed of a deployment that failed or was removed is taken over: without this its names are taken. Drift is
# reverted of stacks that exist.
IMPORT     = $(if $(findstring --revert-drift,$(ARGS)),,--import-existing-resources)
# The templates of the local account, with stand-ins for the functions' code: nothing of them is deployed.
LOCAL     := cdk.out/local/manifest.json
TOUR      := cdk.out/tour/manifest.json
FUNCTIONS := $(patsubst functions/%/bootstrap/main.go,%,$(sort $(wildcard functions/*/bootstrap/main.go)))
ARM64     := $(FUNCTIONS:%=bin/arm64/%/bootstrap)
NATIVE    := $(FUNCTIONS:%=bin/native/%/bootstrap)
STANDIN   := $(FUNCTIONS:%=bin/standin/%/bootstrap)
BOOTSTRAPS = $(FUNCTIONS:%=./functions/%/bootstrap)

GOTESTSUM := go run gotest.tools/gotestsum@v1.13.0

# The operator's command: what was written after NAME= on make's command line is handed over as --NAME=, as it was
# written, whatever is in it. Names from the environment are not: every shell has a USER. Nor are they exported to
# recipes: make would expand them for that.
WARDER := bin/warder
VALUES := APPROVE BY CONTROL DAYS FROM ID KEY LANGUAGE MINUTES MONTH OUT POLICY REASON REVOKE ROLE RUN SINCE TO UNTIL USER YES
unexport $(VALUES)
quote  = '$(subst ','\'',$(strip $(1)))'
given  = $(foreach name,$(VALUES),$(if $(filter command,$(firstword $(origin $(name)))),--$(name)=$(call quote,$(value $(name)))))

# What every function may be built from, and what the template is synthesized from.
go_files = $(filter-out %_test.go,$(wildcard $(addsuffix /*.go,$(1))))
SHARED  := $(call go_files,pkg/* pkg/*/* functions) $(wildcard pkg/*/*.json pkg/*/*.css pkg/*/*.tsv) go.mod go.sum
APP     := $(call go_files,infra infra/stack) $(SHARED) $(wildcard functions/*/control.json) cdk.json

##@ Use

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: together ## play the story on a local account: ARGS="-h" lists its flags
	@go run ./infra/local demo $(ARGS)

.PHONY: tour
tour: together $(TOUR) ## show every control and tool at work on a local account: the longer demo
	@go run ./infra/local tour $(ARGS)

.PHONY: up
up: together ## start a local account and stay: ARGS="--mode enforce"
	@WARDER_NO_MAKE=1 go run ./infra/local up $(ARGS)

.PHONY: cost
cost: local ## estimate what it costs in a month: ARGS="-json"
	@go run ./infra/bench cost $(ARGS)

.PHONY: bootstrap
bootstrap: synth ## prepare the account for deployments: once, in each region of the settings
	@$(CDK) bootstrap --app cdk.out $(ARGS)

.PHONY: deploy
deploy: synth ## deploy to the AWS account of the credentials in the environment
	@$(CDK) deploy --app cdk.out --all $(IMPORT) $(ARGS)

.PHONY: diff
diff: synth ## show what a deployment would change
	@$(CDK) diff --app cdk.out $(ARGS)

.PHONY: org-template
org-template: $(ARM64) bin/settings ## the templates for StackSets, and the commands: SETTINGS=... with an assetBucket
	@rm -rf cdk.out/org
	@CDK_OUTDIR=cdk.out/org WARDER_SETTINGS_FILE=$(SETTINGS_FILE) go run ./infra org-template

.PHONY: preview
preview: $(WARDER) ## show whom it would notify of what, in the AWS account of the credentials, before it is deployed
	@$(WARDER) $@ --settings $(SETTINGS_FILE) $(ARGS)

##@ Operate (the account of the credentials in the environment, or a local one at AWS_ENDPOINT_URL)

.PHONY: doctor
doctor: $(WARDER) ## check what Warder needs of the account, and how it is there: ARGS="--json"
	@$(WARDER) $@ --settings $(SETTINGS_FILE) $(ARGS)

.PHONY: explain undo apply exempt snooze break-glass halt resume release sweep drill redrive report
explain: ## show what was done and why: KEY=... or USER=... or POLICY=... or ID=...
undo: ## put back what was changed: ID=... or USER=... SINCE=... or RUN=..., and REASON="..."; YES=1 does not ask
apply: ## apply a narrower policy that was proposed: ID=... REASON="..."
exempt: ## keep controls from changing users: USER=... CONTROL=... UNTIL=... REASON="..."; APPROVE=..., REVOKE=..., ARGS=--list
snooze: ## put off what is due for something of yours, once: ID=... DAYS=... REASON="..."
break-glass: ## open an emergency role for yourself, for a time: ROLE=... MINUTES=... REASON="..."; ARGS=--close
halt: ## stop every change: REASON="..."
resume: ## let changes be made again
release: ## let a control go on that its blast radius stopped: CONTROL=... REASON="..."
sweep: ## run a control over the whole account now: CONTROL=...
drill: ## rehearse an incident and measure each step, then clean up: MINUTES=... BY=...
redrive: ## send again what is kept in the queues Failed and Undelivered
report: ## write the evidence of last month, or MONTH=2026-10, or FROM=... TO=..., and fetch it: OUT=dist LANGUAGE=ko
# Without CONTROL= nothing can be released of a blast radius: then it is a release of Warder.
OPERATED := explain undo apply exempt snooze break-glass halt resume sweep drill redrive report $(if $(filter command,$(firstword $(origin CONTROL))),release)
$(OPERATED): $(WARDER)
	@$(WARDER) $@ $(given) $(ARGS)

##@ Build

.PHONY: build
build: $(ARM64) $(NATIVE) ## build every function, for Lambda (arm64) and for this machine
	@:

.PHONY: synth
synth: cdk.out/manifest.json ## synthesize the CDK app into cdk.out
	@:

.PHONY: local
local: .venv/installed $(NATIVE) bin/native/floor/bootstrap $(LOCAL) ## make all that the local account needs
	@:

# One program for all functions is built in a fraction of the time that one for each takes.
.PHONY: together
together: .venv/installed bin/native/functions $(LOCAL) ## make what demo, tour and up need: one program for all functions
	@:

# What the functions share is compiled first: linkers that run beside each other would each compile
# it for themselves.
bin/arm64/compiled: $(SHARED)
	@echo "compiling what the functions share, for Lambda ..."
	@mkdir -p $(@D)
	@CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go list -export -deps $(GO_FLAGS) $(BOOTSTRAPS) >$@

bin/native/compiled: $(SHARED)
	@echo "compiling what the functions share, for this machine ..."
	@mkdir -p $(@D)
	@CGO_ENABLED=0 go list -export -deps $(GO_FLAGS) $(BOOTSTRAPS) >$@

bin/arm64/%/bootstrap: $$(call go_files,functions/$$* functions/$$*/bootstrap) $$(wildcard functions/$$*/*.json) $(SHARED) | bin/arm64/compiled
	@echo "building functions/$* for Lambda ..."
	@GOOS=linux GOARCH=arm64 $(GO_BUILD) -o $@ ./functions/$*/bootstrap

bin/native/%/bootstrap: $$(call go_files,functions/$$* functions/$$*/bootstrap) $$(wildcard functions/$$*/*.json) $(SHARED) | bin/native/compiled
	@echo "building functions/$* for this machine ..."
	@$(GO_BUILD) -o $@ ./functions/$*/bootstrap

bin/native/functions: $(call go_files,infra/local/functions functions/*) $(wildcard functions/*/*.json) $(SHARED)
	@echo "building all functions as one program ..."
	@$(GO_BUILD) -o $@ ./infra/local/functions

bin/standin/%/bootstrap:
	@mkdir -p $(@D)
	@touch $@

# The smallest function that there can be, which the others are measured against.
bin/native/floor/bootstrap: infra/bench/floor/main.go go.mod go.sum
	@$(GO_BUILD) -o $@ ./infra/bench/floor

# The evidence tells of every control, and the daily check knows which there have to be.
$(foreach tool,check-warder report,bin/arm64/$(tool)/bootstrap bin/native/$(tool)/bootstrap): $(wildcard functions/*/*.json)

bin/warder: $(call go_files,infra/warder infra/warder/* functions/*) $(SHARED) $(wildcard functions/*/*.json)
	@echo "building infra/warder ..." >&2
	@go build -o $@ ./infra/warder

# Which settings the template was made with.
bin/settings: FORCE
	@mkdir -p $(@D)
	@test -f $(SETTINGS_FILE) || { echo "SETTINGS: there is no file" $(SETTINGS_FILE) >&2; exit 1; }
	@now=$$(cksum -- $(SETTINGS_FILE)); [ "$$now" = "$$(cat $@ 2>/dev/null)" ] || printf '%s\n' "$$now" >$@

.PHONY: FORCE
FORCE:

cdk.out/manifest.json: $(ARM64) $(APP) node_modules/installed bin/settings
	@echo "synthesizing the template (the first time compiles the CDK, about a minute) ..."
	@$(CDK) synth --quiet --no-notices --no-lookups
	@touch $@

# The same app for the local account alone: nothing of it is deployed, so neither the CDK's command line is needed nor code.
$(LOCAL): $(APP) node_modules/installed bin/settings | $(STANDIN)
	@echo "synthesizing the template of the local account (the first time compiles the CDK, about a minute) ..."
	@CDK_OUTDIR=$(@D) CDK_CONTEXT_JSON='{"aws:cdk:disable-asset-staging":true}' WARDER_BINARIES=bin/standin \
		WARDER_SETTINGS_FILE=$(SETTINGS_FILE) go run ./infra
	@touch $@

# Two syntheses at once would compile the CDK twice.
$(TOUR): infra/local/tour.json $(APP) node_modules/installed | $(STANDIN) $(LOCAL)
	@echo "synthesizing the template of the tour ..."
	@CDK_OUTDIR=$(@D) CDK_CONTEXT_JSON="$$(cat $<)" WARDER_BINARIES=bin/standin go run ./infra
	@touch $@

.venv/installed: requirements.txt
	@echo "installing the Python packages of requirements.txt into .venv ..."
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

# Its own environment: checkov pins another boto3 than the local account.
.venv-checkov/installed: requirements-checkov.txt
	@echo "installing the Python packages of requirements-checkov.txt into .venv-checkov ..."
	@rm -rf .venv-checkov
	@$(PYTHON) -m venv .venv-checkov
	@.venv-checkov/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-checkov.txt
	@touch $@

node_modules/installed: package.json package-lock.json
	@echo "installing the Node.js packages of package-lock.json into node_modules ..."
	@npm ci --loglevel=error --no-audit --no-fund >/dev/null
	@touch $@

##@ Check

.PHONY: test
test: local $(TOUR) $(ARM64) bin/native/functions .venv-checkov/installed ## run every test, and list the slowest
	@mkdir -p dist
	@status=0; $(GOTESTSUM) --format pkgname-and-test-fails --format-hide-empty-pkg --jsonfile dist/test.json -- -timeout 30m -vet=off $(ARGS) ./... || status=$$?; \
		$(GOTESTSUM) tool slowest --threshold 5s --jsonfile dist/test.json; exit $$status

.PHONY: simulate
simulate: ## simulate months of a company and verify every promise, or keep their evidence in dist: ARGS="-report"
	@go run ./infra/simulate $(ARGS)

.PHONY: attacks
attacks: local $(TOUR) $(WARDER) ## play every attack on local accounts, and write docs/attacks.md: ARGS="--run rename"
	@go run ./infra/local attacks --write docs/attacks.md $(ARGS)

.PHONY: load
load: ## deliver ten thousand events at once and verify that none is lost: ARGS="-target emulator"
	@go run ./infra/simulate -load $(ARGS)

.PHONY: lint
lint: ## check format, vet, lint, module and lock files
	@echo "linting (the first time compiles golangci-lint, a minute or two) ..."
	@.ci/lint

.PHONY: fmt
fmt: ## format the Go sources
	@gofmt -w $$(git ls-files --cached --others --exclude-standard '*.go')

.PHONY: sizes
sizes: $(ARM64) ## fail if a function's binary has reached 15.5 MB, or 5 MB as Lambda fetches it
	@.ci/sizes $(ARM64)

.PHONY: mutants
mutants: ## break the packages that decide, one operator at a time, and see that a test notices: ARGS="pkg/policy"
	@.ci/mutants $(ARGS)

.PHONY: fuzz
fuzz: ## fuzz every fuzz target for FUZZTIME (10s), or those of ARGS="pkg/slack"
	@FUZZTIME=$(FUZZTIME) .ci/fuzz $(ARGS)

.PHONY: bench
bench: local $(TOUR) $(ARM64) ## measure cold starts, the warm path and sweeps against what is known, and write dist/bench.json: ARGS="-runs 5"
	@go run ./infra/bench $(ARGS)

.PHONY: ci
ci: ## run what a submission has to pass
	@.ci/run

##@ Maintain

.PHONY: dist
dist: $(ARM64) ## write a release into dist (make release, without CONTROL=): archives, templates, SBOM, hashes
	@.ci/release $(if $(value SETTINGS),$(SETTINGS_FILE),infra/release.json)

ifeq ($(filter release,$(OPERATED)),)
release: dist
endif

.PHONY: reproducible
reproducible: ## make a release in two places and compare
	@.ci/reproducible

.PHONY: golden
golden: local .venv-checkov/installed ## rewrite all that is generated: run it when a control is added. ARGS="./functions/... ./infra"
	@.ci/golden $(ARGS)

.PHONY: requirements
requirements: ## pin requirements*.in and package.json anew, with hashes
	@.ci/requirements

.PHONY: clean
clean: ## remove everything that make has made
	@rm -rf bin cdk.out .venv .venv-checkov node_modules
