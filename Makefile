# Numora Delivery. "make run" starts it, "make test" tests it; both need Go alone.

# The product is pure Go: no C compiler, one static binary. Only the race detector needs cgo.
export CGO_ENABLED = 0

OAPI_CODEGEN  = go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen
STATICCHECK   = go run honnef.co/go/tools/cmd/staticcheck
GOLANGCI_LINT = go tool -modfile=.ci/tools/go.mod golangci-lint
GOVULNCHECK   = go tool -modfile=.ci/tools/go.mod govulncheck
CYCLONEDX     = go run -trimpath -modfile=.ci/tools/go.mod github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
WITH_POSTGRES = go run ./internal/testpg --

.PHONY: help run build test test-race test-contract test-sdks test-browser test-kills test-faults faults faults-teeth fuzz lint sbom release vuln generate generate-sdks verify bench bench-bounds bench-micro tools tools-sdks

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

run: ## Start the server on http://127.0.0.1:8080, with everything it keeps in data/
	go run ./cmd/numora-delivery serve --dev

build: ## Build the static binary bin/numora-delivery
	go build -trimpath -o bin/numora-delivery ./cmd/numora-delivery

test: ## Run all tests, on SQLite and on a PostgreSQL that it brings
	$(WITH_POSTGRES) go test -count=1 ./...

test-race: ## The same tests with the race detector (needs a C compiler)
	$(WITH_POSTGRES) env CGO_ENABLED=1 go test -race -count=1 -timeout 20m ./...

# CASES=10000 fuzzes longer: that many cases, at least, on each engine. SEED=7 makes the same cases again.
test-contract: tools ## Hold contract and server against each other: linter, fuzzer, validating proxy (needs Node and Python)
	.tools/node/node_modules/.bin/spectral lint --ruleset openapi/checks/spectral.yaml --fail-severity=hint openapi/delivery.yaml
	$(WITH_POSTGRES) go test -count=1 -run 'Contract|Released|Compare' ./openapi ./internal/httpapi
	NUMORA_TEST_PROXY=$(CURDIR)/.tools/node/node_modules/.bin/prism $(WITH_POSTGRES) go test -count=1 -tags contract -run 'EndToEnd|Proxy|Keys|Dev' ./internal/app
	$(WITH_POSTGRES) env NUMORA_TEST_FUZZ_CASES=$(CASES) NUMORA_TEST_FUZZ_SEED=$(SEED) go test -count=1 -timeout 1h -tags contract -run TestContract -v ./internal/app

test-sdks: tools-sdks ## Install each SDK into an empty project, and use it on a server that is killed meanwhile (needs Node and Python)
	openapi/n8n/check
	go test -count=1 -timeout 10m -tags sdks -run SDKs -v ./internal/app

test-browser: ## Use the documentation as a person would (needs Chromium)
	go test -count=1 -tags browser -run Browser ./internal/app

# FOR=5m fuzzes each target longer.
FOR ?= 30s
fuzz: ## Fuzz decoder, keys, cursors, URLs, normalising, canonical forms and the whole handler, each for FOR=30s
	$(WITH_POSTGRES) .ci/fuzz $(FOR)

test-kills: ## Kill the example worker 200 times on each database, and look for what was lost or written twice
	$(WITH_POSTGRES) go test -count=1 -timeout 5m -tags kills -run TestManyKills -v ./internal/app

test-faults: ## Test what writes do when their PostgreSQL fails them, and the harness of "make faults" (needs PostgreSQL, strace and root)
	go test -count=1 -tags faults -run Faults ./internal/store
	go test -count=1 -tags faults ./internal/faults/...

# MINUTES=30 goes on for that long. SEED=7 decides the same again.
faults: ## Try to break the promise: kill, stop, cut and fill up whatever there is under load, and judge what was answered (needs PostgreSQL, strace and root)
	go run ./internal/faults$(if $(MINUTES), -minutes $(MINUTES))$(if $(SEED), -seed $(SEED))

# BUG=no-unique-index plants that one alone.
faults-teeth: ## Plant bugs in copies of the server, one by one, and have "make faults" find each of them
	go run ./internal/faults/teeth$(if $(SEED), -seed $(SEED)) $(BUG)

lint: ## Check format, vet, staticcheck, gosec, modules, and the directions of imports
	@unformatted=$$(gofmt -l cmd internal openapi tools.go); test -z "$$unformatted" || { echo "not gofmt-ed: $$unformatted"; exit 1; }
	go vet -tags browser,contract,faults,kills,sdks ./...
	$(STATICCHECK) -tags browser,contract,faults,kills,sdks ./...
	$(GOLANGCI_LINT) run ./cmd/... ./internal/... ./openapi/...
	go mod tidy -diff
	go run ./internal/house

# Without time and serial number, so that the same binary has the same list. The list has the hash of its tool too, which
# "go tool" builds differently by the folder that Go keeps modules in; "go run -trimpath" does not.
sbom: build ## Write what the binary is made of to bin/numora-delivery.cdx.json, as CycloneDX
	$(CYCLONEDX) bin -json -std -noserial -notimestamp \
		-output bin/numora-delivery.cdx.json bin/numora-delivery

release: tools-sdks ## Make what is handed out in bin/release: binaries, npm package, wheel, contract, bill of materials, checksums
	CYCLONEDX="$(CYCLONEDX)" .ci/release bin/release

vuln: ## Look for known vulnerabilities in what is called (fetches Go's database of them and fails where it cannot; not part of .ci/run)
	$(GOVULNCHECK) ./...

generate: ## Make the Go code in gen/ from openapi/delivery.yaml
	rm -rf gen/deliveryapi gen/deliveryclient
	mkdir -p gen/deliveryapi gen/deliveryclient
	cd openapi && $(OAPI_CODEGEN) -config server.cfg.yaml delivery.yaml
	cd openapi && $(OAPI_CODEGEN) -config client.cfg.yaml delivery.yaml
	@version=$$(sed -nE 's/^  version: (.+)$$/\1/p' openapi/delivery.yaml) && sed "s/@VERSION@/$$version/" openapi/sdk/go/README.md > gen/deliveryclient/README.md && \
	printf '// Code generated from openapi/delivery.yaml. DO NOT EDIT.\n\npackage deliveryclient\n\n// Version is that of the contract that this client is made from.\nconst Version = "%s"\n' "$$version" > gen/deliveryclient/version.gen.go
	@for file in openapi/sdk/go/*.go; do case $$file in *_test.go) ;; *) \
		{ echo "// Code generated from $$file. DO NOT EDIT."; echo; sed 1,2d $$file; } > gen/deliveryclient/$$(basename $$file .go).gen.go;; esac; done

generate-sdks: tools-sdks ## Make the SDKs in gen/ from openapi/delivery.yaml (needs Node and Python)
	openapi/sdk/typescript/generate openapi/delivery.yaml gen/typescript
	openapi/sdk/python/generate openapi/delivery.yaml gen/python

verify: ## Generate again, the SDKs too, and fail on any difference
	@before=$$(mktemp -d) && trap 'rm -rf "$$before"' EXIT && cp -R gen "$$before" && \
	$(MAKE) --no-print-directory generate generate-sdks && \
	diff -r "$$before/gen" gen || { echo "gen/ is not what openapi/ generates; it is now, look at it and commit it"; exit 1; }

bench: ## Measure how many reports are recorded, beside PostgreSQL's own pgbench (needs pgbench)
	go run ./internal/throughput

bench-bounds: ## Measure latency, start, memory, growth and overload, and print them beside their bounds
	$(WITH_POSTGRES) go run ./internal/bench

# COUNT=10 gives benchstat enough to compare two states of the code.
COUNT ?= 1
bench-micro: ## Run the Go benchmarks of what a report goes through, with their allocations
	$(WITH_POSTGRES) go test -run '^$$' -bench . -benchmem -count=$(COUNT) ./internal/httpapi ./internal/apikey ./internal/store

# Tools in other languages, for "make test-contract" alone, by their lock files.
tools: .tools/node/installed .tools/python/installed

# And for the SDKs.
tools-sdks: .tools/sdk-typescript/installed .tools/sdk-python/installed

.tools/node/installed: openapi/checks/package.json openapi/checks/package-lock.json
	@command -v npm >/dev/null || { echo "this needs Node 18.20 or newer with npm; on Debian: apt-get install nodejs npm"; exit 1; }
	rm -rf .tools/node && mkdir -p .tools/node && cp $^ .tools/node
	npm ci --prefix .tools/node --ignore-scripts --no-audit --no-fund
	touch $@

.tools/python/installed: openapi/checks/requirements.txt
	@python3 -c 'import ensurepip, venv' || { echo "this needs Python 3.11 or newer with venv; on Debian: apt-get install python3-venv"; exit 1; }
	rm -rf .tools/python && python3 -m venv .tools/python
	.tools/python/bin/pip install --quiet --disable-pip-version-check --require-hashes -r openapi/checks/requirements.txt
	touch $@

.tools/sdk-typescript/installed: openapi/sdk/typescript/package.json openapi/sdk/typescript/package-lock.json
	@command -v npm >/dev/null || { echo "this needs Node 18.20 or newer with npm; on Debian: apt-get install nodejs npm"; exit 1; }
	rm -rf .tools/sdk-typescript && mkdir -p .tools/sdk-typescript && cp $^ .tools/sdk-typescript
	npm ci --prefix .tools/sdk-typescript --ignore-scripts --no-audit --no-fund
	touch $@

.tools/sdk-python/installed: openapi/sdk/python/requirements.txt
	@python3 -c 'import ensurepip, venv' || { echo "this needs Python 3.11 or newer with venv; on Debian: apt-get install python3-venv"; exit 1; }
	rm -rf .tools/sdk-python && python3 -m venv .tools/sdk-python
	.tools/sdk-python/bin/pip install --quiet --disable-pip-version-check --require-hashes -r openapi/sdk/python/requirements.txt
	touch $@
