//go:build !amd64 || purego

package sm3asm

func kernels() []kernelID { return []kernelID{none} }

func compress(*[8]uint32, []byte) { panic("sm3asm: there is no kernel: ask Available first") }

func lanes() int { return 1 }

func compressLanes(*transposed, *[Lanes]*byte, uint32) { panic("sm3asm: there is no kernel") }

func compressWords(*transposed, *[16][Lanes]uint32, uint32) { panic("sm3asm: there is no kernel") }
