//go:build race || asan

package schemetest

const instrumented = true
