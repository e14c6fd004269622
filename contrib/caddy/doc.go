// Package hmacsigncaddy is a handler for the Caddy web server that passes on
// requests signed with HMAC, in the formats of Tencent's and Huawei's API
// gateways, and refuses the rest in the vendors' words: the module
// http.handlers.hmacsign and the directive hmacsign, which is ordered before
// basic_auth.
//
//	api.example.com {
//		hmacsign {
//			keys /etc/caddy/keys.json
//			replay_guard 100000
//		}
//		reverse_proxy 127.0.0.1:9000
//	}
//
// A request is verified as it came, whatever handle_path, uri, rewrite or method
// made of its target before; what is passed on is what they made of it. What
// Caddy would not pass on as it was verified is refused with 400 and the reason
// not_forwardable, and the headers that some server behind could take for signed
// ones are dropped.
//
// The handler answers refusals itself. It is no authentication provider, for
// which Caddy would write an answer of its own.
package hmacsigncaddy
