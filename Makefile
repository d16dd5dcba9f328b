# make demo    build and start a complete hotline on this machine
# make test    everything that must hold, with what it needs installed first

GO ?= go

.PHONY: build demo test check need generate prompts bench fuzz clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o hotline ./cmd/hotline

# DEMO=--lan lets other machines of the network in.
demo: build
	./hotline demo $(DEMO)

# The race detector needs a C compiler, the whole-product test a browser and a
# SIP tester.
test: need check
	$(GO) test -race -timeout 20m ./...

need:
	@sh .ci/need gcc:gcc chromium:chromium sipp:sip-tester baresip:baresip

check:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not formatted:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod verify >/dev/null

# Everything that is generated and committed: pages, bundled scripts and
# styles. Tests fail when one of them is stale.
generate:
	$(GO) run ./tools/assets

# Speaks the prompts whose text has changed.
prompts:
	@sh .ci/need espeak-ng:espeak-ng opusenc:opus-tools
	$(GO) run ./ivr/prompts/render

# The first table is the finished program with its dialogues and records, the
# second the voice plane alone, connecting callers in pairs.
bench: build
	$(GO) test -run '^$$' -bench . -benchtime 1s ./triage ./appliance/store ./appliance/media
	$(GO) run ./bench -launch "./hotline demo --dir $$(mktemp -d) --sip 5570 --web 9443 --quiet" -sip 127.0.0.1:5570 -number 100
	$(GO) run ./bench -bridge

# Every fuzz target for a minute.
fuzz:
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime 1m -fuzzminimizetime 10x $$pkg || exit 1; \
		done; \
	done

clean:
	rm -f hotline
