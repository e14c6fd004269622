// Package extauthz answers Envoy's external authorization (ext_authz, API v3, gRPC)
// with what a [hmacsign.Verifier] says of the request: signed requests go on, with
// the key id in a header, in the place of what the client sent of that name, and all
// others are answered by Envoy in the vendor's words.
//
//	grpcServer := grpc.NewServer(extauthz.ServerOption())
//	authv3.RegisterAuthorizationServer(grpcServer, extauthz.New(verifier))
//
// What is verified is what Envoy tells, so Envoy must tell all of it as it came: the
// headers as raw bytes (encode_raw_headers), the body in full (with_request_body) and
// the path as it is (no normalisation). The README has the settings, and what breaks
// without each. What can be seen to be missing is refused with status 503 and a reason
// that names the setting: a body that was held back, cut off or changed, headers that
// were merged.
//
// No request passes on an error: one of the key store or the replay store is an answer
// with status 503, and not an error of the call, which Envoy would let pass where
// failure_mode_allow is on. What cannot be answered (the service is down or too slow,
// the message is too large) is for Envoy to refuse: leave failure_mode_allow off.
//
// The command hmacsign-extauthz in cmd serves this with keys from a file.
package extauthz
