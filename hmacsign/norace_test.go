//go:build !race

package hmacsign_test

const raceEnabled = false
