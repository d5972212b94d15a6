# make            lists the targets
# make test       what README says, with the race detector off

.PHONY: help prose build test race differential lint fuzz golden cross foreign bench bench-tui bench-micro bench-history soak soak-history soak-findings soak-netns alone screenshots demo-recording packages parts small install uninstall ci

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build ./bin/natlens
	go build -trimpath -o bin/natlens ./cmd/natlens

test: ## run the tests
	go test ./...

race: ## run the tests under the race detector, those that compare much with less
	CGO_ENABLED=1 go test -race -short ./...

differential: ## every flag of conntrack(8) with every command, beside natlens's
	NATLENS_EVERY_FLAG=1 go test -run "TestEveryFlagOfEveryCommand" ./cmd/natlens

lint: prose ## gofmt, go vet, staticcheck, prose
	@test -z "$$(gofmt -l .)" || { echo "not gofmt-ed:"; gofmt -l .; exit 1; }
	go vet ./...
	go tool staticcheck ./...

prose: ## list suspects of unclear English and lines that are too long
	@.ci/prose

FUZZTIME ?= 10s
fuzz: ## fuzz every target for FUZZTIME each
	@set -e; for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$pkg; \
	  done; \
	done

golden: ## write the golden files: wording, outputs, screens, manual pages (root, or the lab's stay)
	go test -count 1 $$(git grep -l -e '"natlens/monitor/golden"' -e '"natlens/cmd/natlens/cli/clitest"' -- '*_test.go' | xargs -n 1 dirname | sort -u | sed 's|^|./|') -update

PORTABLE = ./monitor ./monitor/ctnetlink ./monitor/filter ./monitor/replay ./export ./export/jsonl ./export/pcapng ./export/csv ./export/conntrack ./export/text
foreign: ## run the tests of the decoder, the filter and the formats for 32 bits, and for big endian under qemu-user
	GOARCH=386 go test $(PORTABLE)
	GOARCH=mips GOMIPS=softfloat go test -short -skip '^TestLive$$' -exec qemu-mips-static $(PORTABLE)
	GOARCH=s390x go test -short -skip '^TestLive$$' -exec qemu-s390x-static $(PORTABLE)

cross: ## build for the other platforms
	GOOS=linux GOARCH=amd64 go build ./...
	GOOS=linux GOARCH=arm64 go build ./...
	GOOS=linux GOARCH=mips GOMIPS=softfloat go build ./...
	GOOS=darwin GOARCH=arm64 go build ./...
	GOOS=windows GOARCH=amd64 go build ./...

bench: ## measure natlens beside the other listeners (root)
	go run ./cmd/bench

bench-tui: ## measure the terminal UI: from a key to its frame; as a whole, with events going on (root)
	go test -run '^$$' -bench . -benchtime 5s ./tui
	go run ./cmd/bench -only '^terminal UI$$'

bench-micro: ## measure the steps of the hot path, with allocations
	go test -run '^$$' -bench . -benchmem ./monitor/... ./export/

soak: ## run services for five minutes and for 300 simulated weeks: restarts, kill -9, SIGHUP, full disks, stuck readers
	NATLENS_SOAK_SERVICE=5m go test -count 1 -timeout 0 -v -run '^TestServiceSoak$$|^TestWeek$$' ./cmd/natlens ./export

SOAK ?= 10m
soak-findings: ## watch a busy, healthy gateway for SOAK and expect no finding
	NATLENS_SOAK=$(SOAK) go test -count 1 -timeout 0 -v -run TestHealthy ./monitor/findings

bench-history: ## measure the history on disk: 2,000,000 translations
	go test -run '^$$' -bench Day -benchtime 2000000x -timeout 0 ./export/history

KILLS ?= 100
soak-history: ## kill -9 a writer of a history KILLS times, and check what it had committed
	NATLENS_SOAK_HISTORY=$(KILLS) go test -count 1 -v -timeout 60m -run '^TestKilled$$' ./export/history

soak-netns: ## capture 350 namespaces that come and go, ten a second (root)
	NATLENS_SOAK_NETNS=1 go test -count 1 -v -run '^TestEverySoak$$' ./monitor/capture

alone: ## tests that change what all network namespaces share; nothing may run beside them (root)
	NATLENS_ALONE=1 go test -count 1 -p 1 -run '^TestBuckets$$|^TestHoldBuckets$$|^TestTableFull$$' ./monitor/lab/labtest ./cmd/natlens/doctor ./cmd/natlens/why

packages: ## make the packages of every architecture in dist/; ARCH="amd64 arm64": only these
	packaging/build.sh $(ARCH)

PARTS = nohistory nometrics noui nolab
parts: ## check the builds without parts: each compiles, and the small one has the right exit codes and help
	for tag in $(PARTS); do go vet -tags $$tag ./cmd/natlens || exit; done
	go test -tags "$(PARTS)" -run '^TestExitCodes$$|^TestHelp' ./cmd/natlens

SMALL ?= bin/natlens-small
small: ## build ./bin/natlens-small for a router: MIPS, or GOARCH=arm64 and so on
	CGO_ENABLED=0 GOOS=linux GOARCH=$(or $(GOARCH),mips) GOMIPS=softfloat go build -trimpath -gcflags=all=-l \
	  -tags "$(PARTS)" -ldflags "-s -w -X natlens/cmd/natlens/cli.Version=$(VERSION)" -o $(SMALL) ./cmd/natlens

PREFIX ?= /usr/local
install: build ## install natlens below DESTDIR/PREFIX
	packaging/install.sh install "$(DESTDIR)$(PREFIX)"

uninstall: ## remove what install has installed
	packaging/install.sh uninstall "$(DESTDIR)$(PREFIX)"

screenshots: build ## take the pictures in docs/screens (needs tmux, freeze, asciinema, jq and svg-term)
	docs/screens/take.sh bin/natlens

demo-recording: build ## record the demo that ships with natlens again: two minutes in the lab, after 45 s of traffic
	rm -f bin/demo.jsonl
	bin/natlens lab --watch --for 165s -o jsonl --output bin/demo.jsonl
	for part in "list --at" "watch --since"; do bin/natlens $$part -2m --from bin/demo.jsonl --quiet -o jsonl; done | \
	  gzip -9n >monitor/replay/demo.jsonl.gz
	rm bin/demo.jsonl

ci: ## what the continuous integration runs
	.ci/run
