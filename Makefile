# make demo and make test do everything on a machine that has Go, gcc and make; make
# alone lists the targets by what stands behind ## at each. A target says on standard
# error what it is at where that takes long, and ends with one line of what came out.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.7.0
GREMLINS = github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0
# What make mutation changes: a package, but no file whose path matches.
MUTATE ?= ./hmacsign
UNMUTATED ?= ^$$
# How long, or with an x behind it how often, each fuzz target runs.
FUZZTIME ?= 20s
FUZZED = .
BENCH ?= .
# How many random cases test-peers gives each kernel of SM3.
CASES ?= 20000
# How long make load drives each proxy, in seconds.
LOADTIME ?= 30

# The build tag for libcrypto, where OpenSSL's headers are.
OPENSSL = $(shell $(CC) -E -include openssl/evp.h -x c /dev/null >/dev/null 2>&1 && echo openssl)

CONTRIB = $(dir $(wildcard contrib/*/go.mod))

.PHONY: help demo page test-page bench-page dist test-dist test test-peers test-arch test-wasm mca test-examples test-contrib
.PHONY: load load-contrib memory race mutation lint fuzz fuzz-contrib
.PHONY: generate check-generated bench bench-report report bench-lines cross clean
.PHONY: standin test-tencentsm check-tencentsm-header valgrind-tencentsm test-openssl clean-standin

help: ## this list
	@sed -n 's/^\([a-z][a-z -]*\):.*\(## .*\)/\1\2/p' $(MAKEFILE_LIST) | \
	  awk -F'## ' '{ n = split($$1, names, " "); for (i = 1; i <= n; i++) printf "make %-23s %s\n", names[i], $$2 }'

demo: ## signs, sends and verifies on this machine, with every scheme and algorithm
	@echo "demo: building the command, which takes up to a minute the first time" >&2
	@go run ./cmd/hmacsign demo

# The signature page, one file that a browser opens without a network. What is built
# with -tags page has it too.
page: ## the signature page, as one file of HTML
	@echo "page: building it, which takes up to a minute the first time" >&2
	@go run ./internal/page/build -out internal/page/hmacsign.html

# Each vector and each known mistake in it, what somebody does with it, what a script in it
# could send, where its secret could stay, in Chromium and Firefox, which this installs.
test-page: ## the signature page in Chromium and Firefox; pictures of it into bin/page
	@internal/page/browsertest/test

bench-page: ## how soon the page is ready, and a refusal explained, in these browsers
	@echo "bench-page: a minute, in which nothing else should run" >&2
	@cd internal/page/browsertest && go test -count=1 -run 'TestSizes|TestTimes' -v . -measure
	@echo "bench-page: measured"

# The suite, again without assembly, on libcrypto and on the stand-in for
# libTencentSM.
test: ## the suite, again without assembly, on libcrypto and on the stand-in for libTencentSM
	@.ci/test

# Against other implementations, in a module of its own because they are large. CASES
# is how many random ones the kernels of SM3 get; with OpenSSL's headers it is asked
# too.
test-peers: ## the kernels of SM3 against other implementations, on CASES random cases
	@echo "test-peers: $(CASES) cases for each kernel" >&2
	@cd bench/peers && go vet -tags '$(OPENSSL)' ./... && HMACSIGN_CASES=$(CASES) go test -tags '$(OPENSSL)' -timeout 60m ./...
	@echo "test-peers: every implementation agrees"

# The packages of algo on arm64, riscv64 and loong64, with and without the instructions
# that kernels are for, under QEMU. It unpacks QEMU into bin/qemu.
test-arch: ## the packages of algo for arm64, riscv64 and loong64, under QEMU
	@algo/test-arch

# The library's tests as WebAssembly, under node as in a browser (GOOS=js), and under
# wazero (GOOS=wasip1), which it installs into bin/.
test-wasm: ## the library's tests as WebAssembly, under node and wazero
	@.ci/test-wasm

# What the kernels take on processors that are not at hand, by llvm-mca's models. It
# fails above the ceilings of algo/sm3asm/gen/mca/table.go, and installs LLVM.
mca: ## what the kernels take on processors that are not at hand, by models
	@algo/sm3asm/gen/mca/run

# The programs to start from, on servers that are not net/http's.
test-examples: ## the programs below examples/
	@echo "test-examples: vet and tests" >&2
	@cd examples && go vet ./... && go test ./...
	@echo "test-examples: all passed"

# The modules of contrib on real servers: Redis, PostgreSQL, nginx. It installs them.
test-contrib: ## the modules of contrib/ on Redis, PostgreSQL and nginx
	@contrib/test

# What users install, of what is committed, into bin/dist: archives and packages of the
# command for every platform, sums, SBOMs, licences. make dist VERSION=v1.2.3 names it;
# without it the commit's tag does, or the commit.
dist: ## archives, packages, sums, SBOMs of the command for every platform into bin/dist
	@cd cmd/hmacsign/dist && go run . -repository '$(CURDIR)' -out '$(CURDIR)/bin/dist' $(if $(VERSION),-version '$(VERSION)')

# Builds that twice and compares; installs, runs and removes the packages on a machine
# of its own. It installs rpm and shells.
test-dist: ## builds that twice, installs, runs and removes the packages
	@cmd/hmacsign/dist/test

# What verification costs the proxy, under a real load generator, with nginx as a
# plain proxy beside it where it is installed.
load: ## what verification costs the proxy, under wrk
	@command -v wrk >/dev/null || { echo "load: needs wrk (apt-get install wrk)" >&2; exit 1; }
	@echo "load: $(LOADTIME) s for each proxy, in which nothing else should run" >&2
	@HMACSIGN_LOAD=$(LOADTIME) go test -count=1 -timeout 20m -run TestLoad -v ./internal/proxy
	@echo "load: measured"

# The like for the gateway with its guard in Redis, and for Caddy.
load-contrib: ## the like for the gateway and for Caddy
	@command -v wrk >/dev/null || { echo "load-contrib: needs wrk (apt-get install wrk)" >&2; exit 1; }
	@echo "load-contrib: $(LOADTIME) s for each proxy, in which nothing else should run" >&2
	@cd contrib/gateway && HMACSIGN_LOAD=$(LOADTIME) go test -count=1 -timeout 20m -run 'TestLoad$$' -v .
	@cd contrib/caddy && HMACSIGN_LOAD=$(LOADTIME) go test -count=1 -timeout 20m -run 'TestLoad$$' -v .
	@echo "load-contrib: measured"

# What strangers can make the proxy hold: 200 bodies of 10 MiB with a wrong
# signature at once, 1,000 connections that stop in the middle of a body.
memory: ## what strangers can make the proxy hold
	@echo "memory: sending what strangers could" >&2
	@HMACSIGN_MEMORY=1 go test -count=1 -timeout 20m -run TestServeMemory -v ./cmd/hmacsign
	@echo "memory: within the budget"

race: ## the tests of this module under the race detector
	@echo "race: every package, in some minutes" >&2
	@go test -race ./...
	@echo "race: all packages passed"

# Changes a package and those below it, one place after the other, and lists the
# changes that its tests do not see (LIVED): make mutation MUTATE=./algo
# UNMUTATED='sm3cgo|sm3openssl|gen/'. About two seconds for each of ./hmacsign's
# thousand. gremlins' --test-cpu hands on a flag that fails every test, so it is
# left out.
mutation: ## which changes of the code no test sees
	@echo "mutation: changing $(MUTATE), about two seconds for each change" >&2
	@GOBIN=$(CURDIR)/bin go install $(GREMLINS)
	@PATH=$(CURDIR)/bench/mutation:$$PATH GOFLAGS='-short -count=1 -failfast -vet=off' bin/gremlins unleash $(MUTATE) --workers 2 --timeout-coefficient 4 \
	  --exclude-files '$(UNMUTATED)' --output bin/mutation.json --output-statuses ltr \
	  --invert-logical --invert-loopctrl --invert-assignments --remove-self-assignments --invert-bitwise --invert-bwassign
	@echo "mutation: bin/mutation.json has each change and what became of it"

lint: ## gofmt, vet, staticcheck, tidy modules
	@echo "lint: gofmt and vet" >&2
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	@go vet ./...
	@set -e; for module in . examples cmd/hmacsign/dist internal/page/browsertest $(CONTRIB); do echo "lint: staticcheck of $$module" >&2; (cd $$module && go run $(STATICCHECK) ./...); done
	@cd algo/sm3asm/gen && go vet ./...
	@set -e; for module in $$(git ls-files '*go.mod'); do (cd $$(dirname $$module) && go mod tidy -diff); done
	@go mod verify >/dev/null
	@echo "lint: clean"

# Every fuzz target of every package, one after the other; fuzz-contrib those of contrib.
fuzz-contrib: FUZZED = $(CONTRIB)
fuzz fuzz-contrib: ## every fuzz target, each for FUZZTIME
	@set -e; for module in $(FUZZED); do cd $(CURDIR)/$$module; for dir in $$(go list -f '{{.Dir}}' ./...); do \
	  files=$$(go list -f '{{range .TestGoFiles}}{{$$.Dir}}/{{.}} {{end}}{{range .XTestGoFiles}}{{$$.Dir}}/{{.}} {{end}}' $$dir); \
	  for target in $$(test -z "$$files" || grep -hos '^func Fuzz[A-Za-z0-9]*(f \*testing.F)' $$files | sed 's/^func //; s/(.*//'); do \
	    echo "$$target in $${dir#$(CURDIR)/}"; \
	    (cd $$dir && go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x . >fuzz.out 2>&1 || { cat fuzz.out; exit 1; }; rm fuzz.out); \
	  done; done; done
	@echo "$@: nothing was found"

# Writes the assembly and the unrolled rounds in Go anew; the generators are a module
# of their own. CI fails if that changes anything.
generate: ## writes the assembly and the unrolled rounds anew
	@echo "generate: running the generators" >&2
	@cd algo/sm3asm/gen && go run ./amd64 -out ../sm3_amd64.s -stubs ../stub_amd64.go -pkg sm3asm
	@cd algo/sm3asm/gen && for arch in arm64 loong64 riscv64; do go run ./$$arch || exit; done
	@cd algo/sm3asm/gen && go run ./portable -out ../../sm3/portable_unrolled.go
	@echo "generate: the assembly and the unrolled rounds are written"

check-generated: generate ## what is committed is what the generators write
	@git diff --exit-code --stat algo/sm3asm algo/sm3/portable_unrolled.go
	@echo "check-generated: nothing changed"

bench: ## every backend of this machine; BENCH picks rows
	@echo "bench: every backend of this machine, about a second for each row" >&2
	@go test -run '^$$' -bench '$(BENCH)' ./bench
	@echo "bench: measured"

# Measures against other implementations and writes bench/REPORT.md and its
# plots; nothing else should run meanwhile. With OpenSSL's headers, OpenSSL too.
bench-report: ## measures against other implementations and writes bench/REPORT.md
	@echo "bench-report: some minutes, in which nothing else should run" >&2
	@go build -o bin/hmacsign ./cmd/hmacsign
	@cd bench/peers && go build -tags '$(OPENSSL)' -o ../../bin/report ./report && ../../bin/report -out ..
	@echo "bench-report: bench/REPORT.md and its plots are written"

# Builds the same for another machine, and beside it the command, which it measures
# too: make report GOARCH=arm64. Copy bin/arm64 there and run ./report in it.
report: ## builds that measurement for another machine, whose name GOARCH has
	@echo "report: building" >&2
	@go_arch=$$(go env GOARCH) && export CGO_ENABLED=0 && \
	  go build -o bin/$$go_arch/ ./cmd/hmacsign && (cd bench/peers && go build -o ../../bin/$$go_arch/ ./report) && \
	  echo "bin/$$go_arch has the programs report and hmacsign: copy both, run ./report"

# Measures mac --lines against a loop over emmansun/gmsm's kept hmac.Hash and one
# over OpenSSL's EVP_MAC, all of them built commands on one processor.
bench-lines: ## mac --lines against loops over other libraries
	@echo "bench-lines: building three programs, then thirteen rounds in turn" >&2
	@cd bench/peers && go run ./lines
	@echo "bench-lines: measured"

# Every platform that the project is for, without cgo, with and without the tag
# that leaves assembly out, and the report that users run on their machines. vet
# compiles the tests too, build links nothing. The tag chooses files in algo alone.
PLATFORMS = linux/amd64 linux/arm64 linux/loong64 linux/riscv64 windows/amd64 darwin/amd64 darwin/arm64
cross: ## builds for every platform, with and without purego
	@set -e; for platform in $(PLATFORMS); do \
	  echo "cross: $$platform" >&2; \
	  export CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/}; \
	  go vet ./...; go build ./...; go build -tags purego ./algo/...; \
	  (cd bench/peers && go build -o /dev/null ./report); \
	done; echo "$(PLATFORMS): built with and without purego"

# --- libTencentSM -----------------------------------------------------------
# The stand-in is a test tool: see third_party/tencentsm/standin/README.md.

TENCENTSM = third_party/tencentsm
TENCENTSM_LIB = $(TENCENTSM)/lib/$(shell go env GOOS)_$(shell go env GOARCH)
TENCENTSM_FILES = $(TENCENTSM_LIB)/libTencentSM.a $(TENCENTSM_LIB)/libTencentSM.so

# Builds the stand-in's Lite edition where the tagged build looks for the
# library, unless another one lies there, and the library of faults in a folder
# below, where nothing looks.
standin: ## builds the stand-in for libTencentSM where the tagged build looks
	@for f in $(TENCENTSM_FILES); do \
	  if [ -e $$f ] && ! grep -q 'standin 1.7.3-2' $$f; then \
	    echo "$$f is not the stand-in: move it away first" >&2; exit 1; fi; done
	@$(TENCENTSM)/standin/build $(TENCENTSM_LIB)
	@$(TENCENTSM)/faulty/build $(TENCENTSM_LIB)/faulty
	@echo "$(TENCENTSM_LIB) has the stand-in for tests. It is not libTencentSM."

test-tencentsm: ## what sees a backend with the tag tencentsm, on the stand-in and on the library of faults
	@$(TENCENTSM)/test

check-tencentsm-header: ## compares libTencentSM's header with what hmacsign compiles
	@$(TENCENTSM)/include/check

# The Go toolchain's tag valgrind tells valgrind of Go's own memory, but a
# collection of that is more than valgrind bears. So what needs one, streams that
# are abandoned, is watched without the tag.
VALGRIND = GODEBUG=asyncpreemptoff=1 LD_LIBRARY_PATH=$(TENCENTSM_LIB) valgrind --quiet --error-exitcode=9 --leak-check=full \
  --errors-for-leak-kinds=definite,indirect,possible --suppressions=$(TENCENTSM)/valgrind/go.supp
valgrind-tencentsm: standin ## the boundary to the C library under valgrind
	@command -v valgrind >/dev/null || { echo "valgrind-tencentsm: needs valgrind" >&2; exit 1; }
	@echo "valgrind-tencentsm: two programs, some minutes" >&2
	@go build -tags tencentsm,valgrind -o bin/boundary ./$(TENCENTSM)/valgrind
	@GOGC=off $(VALGRIND) bin/boundary
	@go build -tags tencentsm -o bin/boundary ./$(TENCENTSM)/valgrind
	@$(VALGRIND) --suppressions=$(TENCENTSM)/valgrind/stacks.supp bin/boundary abandon
	@echo "valgrind-tencentsm: nothing is lost and nothing is read that was not written"

# The backend on libcrypto, a real library and a third implementation.
test-openssl: ## the backend on libcrypto
	@if [ -n '$(OPENSSL)' ]; then \
	  go test -tags openssl ./algo/... ./bench && echo "test-openssl: all passed"; \
	else echo "test-openssl: skipped, it needs OpenSSL's headers (libssl-dev)"; fi

clean: clean-standin ## removes bin/, the page, the stand-in and the results of tests that Go keeps
	@go clean -testcache
	@rm -rf bin internal/page/hmacsign.html
	@echo "clean: done"

# Removes the stand-in and the library of faults, and no other library.
clean-standin: ## removes the stand-in and the library of faults, and no other library
	@for f in $(TENCENTSM_FILES); do \
	  if [ -e $$f ] && grep -q 'standin 1.7.3-2' $$f; then rm $$f; fi; done
	@rm -rf $(TENCENTSM_LIB)/faulty
	@rmdir $(TENCENTSM_LIB) $(TENCENTSM)/lib 2>/dev/null || true
	@echo "clean-standin: no stand-in is left"
