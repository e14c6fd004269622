// Package hmacsign signs HTTP requests with HMAC-SHA1, HMAC-SHA256 or HMAC-SM3
// and verifies them, in the formats of Tencent's and Huawei's API gateways: the
// schemes [TencentApp], [TencentKeyPair] and [HuaweiSDK]. Their options are fields of
// the types in package scheme's folders, and a private dialect is one such type more:
// see package scheme.
//
// A [Signer] sets the headers of a request; [Signer.Transport] does it for an
// http.Client, and with [WithCredentials] it follows a rotation. A [Verifier] checks requests against a [KeyStore];
// [Verifier.Middleware] puts it in front of an http.Handler, and [Verifier.VerifyWire]
// is for servers that are not net/http's. Both sides compute one string to sign from the request with the same code, and take the MAC from
// package algo, where the algorithm is picked by name and its implementation
// can be required.
//
// A refusal is a [VerifyError]: a reason to branch on and the details for a log.
// With [WithExplanations] it also names the mistakes that the client made. Texts are in
// English and Chinese, beside stable codes and arguments.
//
// Signers, verifiers and key stores are safe for concurrent use.
package hmacsign
