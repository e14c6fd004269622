//go:build !purego

package sm3asm

func compressEight(v *[8][Lanes]uint32, blocks *[Lanes]*byte, active uint32) {
	blocks8NEON(v, blocks, active)
}
