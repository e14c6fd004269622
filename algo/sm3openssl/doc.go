// Package sm3openssl computes HMAC-SM3 in OpenSSL's libcrypto, or in a fork of
// it with the same interface such as Tongsuo, where the program is built with
// cgo and the tag openssl. A program that imports it then has the backend
// "openssl" of hmac-sm3, which runs only where it is asked for by name:
//
//	import _ "github.com/gmhmac/hmacsign/algo/sm3openssl"
//
// Without the tag the package registers nothing.
package sm3openssl

// Enabled reports whether libcrypto is linked into this program.
const Enabled = available
