# make            build bin/tender and the two appliances
# make demo       a firewall between two network namespaces, with real traffic (root)
# make test       everything that proves the project works (root for the network parts)
# make test-hardware   the KVM tests on AMD SVM, which QEMU emulates; make test runs a part of it
# make test-stdlib     the standard library's own tests as unikernels: writes docs/stdlib.md; make test runs a part of it
# make bench      the figures of docs/SPECIFICATION.md, measured on this machine
# make soak       ten minutes of requests to guests under both tenders, of which none may fail
# make soak-path  an hour of checksummed frames through guests under both tenders, of which each is accounted for
# make bench-firewall  throughput over the number of rules, against Linux; writes build/bench-firewall.{json,svg}
# make bench-firewall-loss  frames lost in a minute at 80 % of the peak rate
# make profile    toolchain/network.pgo anew, by which programs that use package net are compiled (root)
# make check      formatting, vet, tidy module files
# make fuzz       every fuzz target for FUZZTIME (default 30s each)

GO       ?= go
VERSION  ?= $(shell git describe --always --dirty 2>/dev/null || echo unknown)
FUZZTIME ?= 30s

# The sources an image or the tender is made of.
SOURCES := go.mod go.sum sources.go $(shell find $(wildcard abi blockback cmd confine datapath guest hvt image machine nacl netback seccomp spt toolchain) -type f)

.PHONY: all demo test test-hardware test-stdlib bench soak soak-path bench-firewall bench-firewall-loss profile check fuzz deps clean

all: bin/tender bin/hello.hvt bin/firewall.hvt

# One static file, libseccomp included. With CGO=0 it needs no C compiler, and
# has no system-call filters: it refuses what needs them.
CGO ?= 1
ifeq ($(CGO),1)
STATIC := -linkmode=external -extldflags=-static
bin/tender: | deps
endif

bin/tender: $(SOURCES)
	CGO_ENABLED=$(CGO) $(GO) build -trimpath -buildvcs=false -tags=netgo,osusergo -ldflags="-s -w $(STATIC) -X main.version=$(VERSION)" -o $@ ./cmd/tender

bin/%.hvt: bin/tender $(shell find appliances -type f)
	bin/tender build -o $@ ./appliances/$*

deps:
	scripts/deps

demo: deps all
	$(GO) run ./tests/demo bin/tender bin/firewall.hvt

test: deps check all
	scripts/gotest -race -timeout 20m $$($(GO) list ./... | grep -v '^tender/tests')
	scripts/gotest -timeout 20m ./tests/...
	scripts/gotest -timeout 5m ./tests -tender=spt
	scripts/deps hardware || true
	$(GO) run ./tests/hardware bin/tender spt conformance guests

test-hardware: all
	scripts/deps hardware || true
	$(GO) run ./tests/hardware bin/tender

test-stdlib: all
	$(GO) run ./tests/stdlib -target=hvt,spt -o docs/stdlib.md bin/tender

bench: deps all
	$(GO) run ./tests/bench bin/tender

soak: deps all
	$(GO) run ./tests/bench -only soak -soak 10m bin/tender

soak-path: deps all
	$(GO) test ./tests/datapath -run TestSoak -soak=1h -timeout=2h -v

bench-firewall: deps all
	$(GO) run ./tests/benchfirewall bin/tender

bench-firewall-loss: deps all
	$(GO) run ./tests/benchfirewall -figures loss -loss-seconds 60 -rounds 1 -rules 0 bin/tender

profile: deps all
	scripts/profile

check:
	scripts/check

fuzz:
	scripts/fuzz $(FUZZTIME)

clean:
	rm -rf bin
