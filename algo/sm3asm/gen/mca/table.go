package main

// A kernel is an assembly function with the most cycles a byte that a model may
// give it, by processor. The models are llvm-mca's of LLVM 19: a figure is an
// estimate for comparing designs, and a ceiling, a little above what the code has
// now, holds it there.
type kernel struct {
	name     string
	bytes    int // of message in one pass of the loop, or in a call of a function without one
	ceilings []ceiling
}

type ceiling struct {
	processor string
	cycles    float64 // a byte
}

// unmodelled are left out: they run once a batch, not once a block.
var unmodelled = map[string]bool{"keys8": true, "macs8": true}

// Hygon's processors descend from the Zen of znver1, Kunpeng 920 is tsv110, Yitian
// 710 has neoverse-n2. A processor is left out where it lacks the instructions.
var kernels = map[string][]kernel{
	"amd64": {
		// Zen 4's model gives LEA of three operands two cycles, where the processor takes
		// one: measured, streamAVX512 takes 6.8 and streamAVX2 7.0 on it. That of
		// Sapphire Rapids gives two to XOR of two registers.
		{"streamAVX2", 64, []ceiling{{"znver1", 8.9}, {"znver4", 7.2}, {"sapphirerapids", 10.5}}},
		{"streamAVX512", 64, []ceiling{{"znver4", 8}, {"sapphirerapids", 9.3}}},
		{"blocks8", 8 * 64, []ceiling{{"znver1", 4.2}, {"znver4", 2.1}, {"sapphirerapids", 2.3}}},
		// Its ways to load a block, one of which a pass takes, are all in the figure.
		{"sum16", 16 * 64, []ceiling{{"znver4", 0.98}, {"sapphirerapids", 1}}},
	},
	"arm64": {
		{"blockNEON", 64, []ceiling{{"neoverse-n1", 7.5}, {"neoverse-n2", 5.7}, {"neoverse-v1", 5.85}, {"tsv110", 8.4}}},
		{"blockSM3", 64, []ceiling{{"neoverse-n2", 5.1}, {"neoverse-v1", 5.1}}},
		{"blocks2SM3", 2 * 64, []ceiling{{"neoverse-n2", 3.5}, {"neoverse-v1", 3.1}}},
		{"blocks8NEON", 8 * 64, []ceiling{{"neoverse-n1", 4.85}, {"neoverse-n2", 4.85}, {"neoverse-v1", 2.65}, {"tsv110", 9.05}}},
	},
}

// A rival is a function of github.com/emmansun/gmsm for the same work, in the same
// models, with how many times the cycles it takes at least.
type rival struct {
	kernel, function string
	bytes            int
	floors           []floor
}

type floor struct {
	processor string
	ratio     float64
}

var rivals = map[string][]rival{
	"arm64": {
		{"blockNEON", "blockARM64", 64, []floor{{"neoverse-n1", 1.23}, {"neoverse-n2", 1.6}, {"neoverse-v1", 1.5}, {"tsv110", 1.7}}},
		{"blockSM3", "blockSM3NI", 64, []floor{{"neoverse-n2", 0.98}}},
	},
}
