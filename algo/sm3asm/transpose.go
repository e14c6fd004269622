//go:build (arm64 || loong64) && !purego

package sm3asm

import "encoding/binary"

// loadEight brings the chaining values of eight keys into rows.
func loadEight(rows *[16]row, keys *[Lanes]*[16]uint32) {
	for lane, words := range keys[:8] {
		for i, w := range words {
			rows[i][lane] = w
		}
	}
}

// storeEight brings the chaining values of eight lanes back into bytes.
func storeEight(sums *[Lanes][Size]byte, rows *[8]row) {
	for lane := range sums[:8] {
		for i := range rows {
			binary.BigEndian.PutUint32(sums[lane][4*i:], rows[i][lane])
		}
	}
}
