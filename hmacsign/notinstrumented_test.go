//go:build !race && !asan

package hmacsign_test

const instrumented = false
