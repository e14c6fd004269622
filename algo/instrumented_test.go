//go:build race || asan

package algo

const instrumented = true
