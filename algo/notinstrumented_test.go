//go:build !race && !asan

package algo_test

const instrumented = false
