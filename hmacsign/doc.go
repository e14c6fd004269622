// Package hmacsign signs HTTP requests with HMAC-SHA1, HMAC-SHA256 or HMAC-SM3
// and verifies them, in the formats of Tencent's and Huawei's API gateways: the
// schemes [TencentApp], [TencentKeyPair] and [HuaweiSDK].
//
// A [Signer] sets the headers of a request; [Signer.Transport] does it for an
// http.Client. A [Verifier] checks requests against a [KeyStore];
// [Verifier.Middleware] puts it in front of an http.Handler. Both compute one
// string to sign from the request with the same code, and take the MAC from
// package algo, where the algorithm is picked by name and its implementation
// can be required.
//
// A refusal is a [VerifyError]: a reason to branch on and the details for a log.
// With [WithExplanations] it also names the mistake that the client made.
//
// Signers, verifiers and key stores are safe for concurrent use.
package hmacsign
