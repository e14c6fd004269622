// Package bench holds the benchmarks that compare the backends linked into one
// binary:
//
//	go test -bench . ./bench
package bench
