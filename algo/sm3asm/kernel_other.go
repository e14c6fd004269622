//go:build !amd64 || purego

package sm3asm

func kernels() []kernelID { return []kernelID{none} }

func compress(*[8]uint32, []byte) { panic(noKernel) }

func lanes() int { return 1 }

func compressLanes(*[8]row, *[Lanes]*byte, uint32) { panic(noKernel) }
func compressWords(*[8]row, *[16]row, uint32)      { panic(noKernel) }
func loadKeys(*[16]row, *[Lanes]*[16]uint32)       { panic(noKernel) }
func storeMACs(*[Lanes][Size]byte, *[8]row)        { panic(noKernel) }
