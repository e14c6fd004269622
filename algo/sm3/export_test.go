package sm3

// Values are the chaining values of the key.
func (k *Key) Values() [16]uint32 { return k.v }
