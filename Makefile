# make demo and make test do everything on a machine that has Go, gcc and make.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.7.0
# How long, or with an x behind it how often, each fuzz target runs.
FUZZTIME ?= 20s
BENCH ?= .

.PHONY: demo test lint fuzz bench cross race clean

demo:
	@go run ./cmd/hmacsign demo

test:
	@go test ./...

race:
	@go test -race ./...

lint:
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	@go vet ./...
	@go run $(STATICCHECK) ./...
	@go mod tidy -diff
	@go mod verify >/dev/null

# Every fuzz target of every package, one after the other.
fuzz:
	@set -e; for dir in $$(go list -f '{{.Dir}}' ./...); do \
	  for target in $$(grep -hos '^func Fuzz[A-Za-z0-9]*(f \*testing.F)' $$dir/*_test.go | sed 's/^func //; s/(.*//'); do \
	    echo "$$target in $${dir#$(CURDIR)/}"; \
	    (cd $$dir && go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x . >fuzz.out 2>&1 || { cat fuzz.out; exit 1; }; rm fuzz.out); \
	  done; done

bench:
	@go test -run '^$$' -bench '$(BENCH)' ./bench

# Every platform that the project is for, without cgo, with and without the tag
# that leaves assembly out. vet compiles the tests too, build links nothing.
PLATFORMS = linux/amd64 linux/arm64 linux/loong64 linux/riscv64 windows/amd64 darwin/amd64 darwin/arm64
cross:
	@set -e; for platform in $(PLATFORMS); do \
	  export CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/}; \
	  go vet ./...; go build ./...; go build -tags purego ./...; \
	done; echo "$(PLATFORMS): built with and without purego"

clean:
	@go clean -testcache
	@rm -rf bin
