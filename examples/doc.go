// Package examples holds programs to start from, each in a folder of its own: servers
// that are not net/http's and verify signed requests with hmacsign's VerifyWire, and one
// that proxies ask whether a request is signed.
package examples
