// Package examples holds programs to start from, each in a folder of its own, with a test
// that runs it on loopback:
//
//   - gin, echo and chi are servers whose routers get the path that was signed: with their
//     defaults /files/a%2Fb may become another route, or another file.
//   - fasthttp, hertz and grpc are servers that are not net/http's and verify with
//     hmacsign's VerifyWire.
//   - forwardauth is what proxies ask whether a request is signed.
//   - resty is a client that follows a rotation and signs each try of a request.
package examples
