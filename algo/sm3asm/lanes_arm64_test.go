//go:build !purego

package sm3asm

const laneKernelName = "NEON"

var laneKernel = blocks8NEON
