//go:build !(openssl && cgo)

package sm3openssl

const available = false
