# perhuman. `make help` lists what there is; `make demo` and `make test` are the two to know.

SHELL      := /bin/bash
GO         ?= go
WEB        := sdk/web
DIST       := $(WEB)/dist
FUZZTIME   ?= 30s
STAGE      := .ci/stage
# Packages in which goroutines meet; the race detector runs there.
RACE       := ./semaphore ./semaphore/setlog ./issuer/biometric/match ./issuer ./verifier/... ./sdk ./sdk/serve ./sdk/sethttp

# Rules of gosec that are off everywhere; single lines carry a #nosec with its reason.
#  G115  integer conversions: field arithmetic and tree positions are made of them; parsers bound what comes in, tests and fuzz targets hold them to it
#  G304, G703  paths that are not constants: they come from the operator's command line, never from a request
#  G602  indexes: Go checks them, and the ones found stand under a loop over the same length
GOSEC_OFF  := G115,G304,G703,G602
# It reads Go files alone and takes what is written in assembly for errors: so
# without assembly, and once more what stands on it.
GOSEC      := $(GO) run github.com/securego/gosec/v2/cmd/gosec@v2.27.1 -quiet -exclude=$(GOSEC_OFF) -exclude-dir=node_modules -exclude-dir=testset

.PHONY: demo test test-long screenshots bench bench-long bench-peers bench-render fuzz lint fmt clean help wasm web web-dev

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

demo: wasm ## run the demo on loopback (MPC=1 compares with three parties; ARGS=--headless plays the story without a browser)
	@$(GO) build -o bin/demo ./demo
	@./bin/demo $(if $(MPC),-mpc) $(ARGS)

# npm empties the folder before it installs: a link to a shared one is not for it.

# What the pages load: the wallet as js/wasm and the face models, copied out of pinned npm packages.
wasm: web
	@node $(WEB)/build.mjs

web: $(WEB)/node_modules/.stamp

$(WEB)/node_modules/.stamp: $(WEB)/package-lock.json
	@cd $(WEB) && if [ -L node_modules ]; then echo "$(WEB)/node_modules is a link, left as it is"; \
	  elif [ -f node_modules/.dev ]; then npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; \
	  else npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error; fi
	@touch $@

# The same with the test peers: the official Semaphore packages, a browser driver, a type checker.
web-dev: $(WEB)/node_modules/.dev

$(WEB)/node_modules/.dev: $(WEB)/package-lock.json
	@cd $(WEB) && if [ -L node_modules ]; then echo "$(WEB)/node_modules is a link, left as it is"; \
	  else npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; fi
	@touch $(WEB)/node_modules/.stamp $@

test: ## everything a change must pass
	@$(STAGE) "npm packages"    $(MAKE) --no-print-directory web-dev
	@$(STAGE) "wasm"            $(MAKE) --no-print-directory wasm
	@$(STAGE) "format and vet"  $(MAKE) --no-print-directory vet
	@$(STAGE) "go"              $(GO) test ./...
	@$(STAGE) "race"            $(GO) test -race -short -timeout 10m $(RACE)
	@$(STAGE) "type check"      $(WEB)/node_modules/.bin/tsc -p $(WEB)
	@$(STAGE) "demo binary"     $(GO) build -o bin/demo ./demo
	@$(STAGE) "node"            $(MAKE) --no-print-directory node
	@$(STAGE) "headless demo"   $(MAKE) --no-print-directory headless
	@$(STAGE) "browser"         $(MAKE) --no-print-directory browser

.PHONY: vet node headless browser
vet:
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt: $$out"; exit 1; fi
	@$(GO) vet ./...
	@GOOS=js GOARCH=wasm $(GO) vet ./sdk/wallet/... ./semaphore/prove

node:
	@node --test $(WEB)/test/unit/*.test.mjs

headless:
	@$(GO) build -o bin/demo ./demo
	@dir=$$(mktemp -d) && ./bin/demo --headless -var $$dir; status=$$?; rm -rf $$dir; exit $$status

browser:
	@if [ -x /usr/bin/chromium ] || [ -n "$$CHROMIUM" ]; then $(GO) build -o bin/ ./demo ./sdk/cmd/perhuman && PERHUMAN_BIN=$(CURDIR)/bin node --test --test-concurrency=2 $(WEB)/test/browser/*.test.mjs; \
	  elif [ "$$CI" = true ]; then echo "chromium is missing, which is an error under CI=true"; exit 1; \
	  else echo "SKIP browser story: no chromium here"; fi

screenshots: web-dev wasm ## remake docs/screenshots, by playing the stories that show those pages
	@$(GO) build -o bin/ ./demo ./sdk/cmd/perhuman
	@rm -f docs/screenshots/*.png
	@PERHUMAN_SCREENSHOTS=1 PERHUMAN_BIN=$(CURDIR)/bin node --test $(patsubst %,$(WEB)/test/browser/%.test.mjs,story wallet agora)

test-long: web-dev wasm ## what takes longer: kill loops, big populations, long property tests
	@PERHUMAN_LONG=1 $(GO) test -count=1 -timeout 60m ./...
	@$(GO) test -race -short -count=1 -timeout 20m ./issuer/private ./issuer/biometric/mpc/party
	@PERHUMAN_LONG=1 node --test $(WEB)/test/unit/*.test.mjs
	@PERHUMAN_LONG=1 $(MAKE) --no-print-directory browser
	@cd semaphore/setlog/tesseratest && if [ "$$CI" = true ] || $(GO) mod download >/dev/null 2>&1; then \
		$(GO) test -count=1 -timeout 5m ./...; \
	else echo "skipped: the module of Tessera, which reads our log as an oracle, cannot be fetched here"; fi

# Benchmarks print lines "BENCH <name> <value> <unit>"; docs/benchtable collects
# them. Functions TestBench* are found by themselves, TestLongBench* are for
# bench-long. One package at a time: they measure.
BENCHTABLE = bin/benchtable -command 'make $@' $(if $(WRITE),-write docs) $(if $(STRICT),-strict)
bench_in    = $$(git grep -l '^func $(1)' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's,^,./,')

bench: wasm bin/benchtable ## figures and missed limits; WRITE=1 writes docs/benchmarks.md, STRICT=1 fails at a missed limit
	@set -o pipefail; PERHUMAN_BENCH=1 $(GO) test -p 1 -count=1 -timeout 20m -run '^TestBench' $(call bench_in,TestBench) -v 2>&1 | $(BENCHTABLE)

bench-long: web-dev wasm bin/benchtable ## what takes longer than a coffee; WRITE=1 and STRICT=1 as above
	@set -o pipefail; PERHUMAN_BENCH=1 PERHUMAN_LONG=1 $(GO) test -p 1 -count=1 -timeout 120m -run '^TestLongBench' $(call bench_in,TestLongBench) -v 2>&1 | $(BENCHTABLE)

bench-peers: web-dev wasm bin/benchtable ## the same against other languages, and the page against the official page
	@set -o pipefail; node $(WEB)/bench/peers.mjs | $(BENCHTABLE)

bench-render: bin/benchtable ## docs/benchmarks.md from the recorded figures, after a change of a limit
	@bin/benchtable -render docs

.PHONY: bin/benchtable
bin/benchtable:
	@$(GO) build -o $@ ./docs/benchtable

fuzz: ## every fuzz target for FUZZTIME
	@set -e; for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "== $$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$p; done; done

lint: ## static analysis by pinned tools
	@$(MAKE) --no-print-directory vet
	@$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	@$(GOSEC) -tags=purego ./...
	@$(GOSEC) ./semaphore/prove
	@$(GO) mod verify
	@$(GO) mod tidy -diff

fmt: ## format the Go code
	@gofmt -w $$(git ls-files '*.go')

clean: ## remove what was built; ./var, the demo's data, stays
	@rm -rf bin $(WEB)/node_modules
	@find $(DIST) -mindepth 1 ! -name README -delete
