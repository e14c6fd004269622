package extauthz

import "github.com/gmhmac/hmacsign/hmacsign/scheme"

// The details of refusals that only this package makes. Nearly all are of Envoy's
// settings, and for the operator: clients read the reason alone.
const (
	noRequest      = "extauthz_no_request"
	contradiction  = "extauthz_contradiction"
	pseudoHeader   = "extauthz_pseudo_header"
	notOriginForm  = "extauthz_target"
	mergedHeader   = "extauthz_merged_header"
	replacedBytes  = "extauthz_replaced_bytes"
	replacedBody   = "extauthz_replaced_body"
	withheldBody   = "extauthz_withheld_body"
	unsaidBody     = "extauthz_unsaid_body"
	partialBody    = "extauthz_partial_body"
	panicked       = "extauthz_panicked"
	hintRewritten  = "extauthz_hint_rewritten"
	hintTextHeader = "extauthz_hint_text_headers"
)

func init() {
	scheme.RegisterTexts("en", map[string]string{
		noRequest:      "the CheckRequest has no HTTP request, or cannot be read",
		contradiction:  "the CheckRequest says two things of the request's {part}",
		pseudoHeader:   "header {name:q} is no pseudo-header of a request, or is there twice",
		notOriginForm:  "the method is CONNECT, or the path is not one that begins with / and has no fragment",
		mergedHeader:   "header {header} may be several that Envoy merged: set encode_raw_headers: true",
		replacedBytes:  "{part} may have had bytes that Envoy replaced, as they are not UTF-8: set encode_raw_headers: true",
		replacedBody:   "the body may have had bytes that Envoy replaced, as they are not UTF-8: set pack_as_bytes: true",
		withheldBody:   "the request has a body that Envoy did not send: set with_request_body",
		unsaidBody:     "a {method} that does not say its length may have a body that Envoy did not send: have clients say Content-Length: 0, or set with_request_body on all routes, and then --accept-unsaid-length (AcceptUnsaidLength)",
		partialBody:    "Envoy sent a part of the body: set allow_partial_message: false, and raise max_request_bytes for longer bodies",
		panicked:       "a panic while the request was verified, see the log",
		hintRewritten:  "X-Envoy-Original-Path is there: the path was rewritten before the request was verified",
		hintTextHeader: "headers came as text, several of a name merged: set encode_raw_headers: true",
	})
	scheme.RegisterTexts("zh", map[string]string{
		noRequest:      "CheckRequest 中没有 HTTP 请求，或无法读取",
		contradiction:  "CheckRequest 对请求的 {part} 有两种说法",
		pseudoHeader:   "头 {name:q} 不是请求的伪头，或出现了两次",
		notOriginForm:  "方法是 CONNECT，或路径不以 / 开头，或带有片段",
		mergedHeader:   "头 {header} 可能由 Envoy 合并了多个：请设置 encode_raw_headers: true",
		replacedBytes:  "{part} 中可能有不是 UTF-8 的字节被 Envoy 替换：请设置 encode_raw_headers: true",
		replacedBody:   "请求体中可能有不是 UTF-8 的字节被 Envoy 替换：请设置 pack_as_bytes: true",
		withheldBody:   "请求有请求体，但 Envoy 没有发送：请设置 with_request_body",
		unsaidBody:     "没有说明长度的 {method} 可能有 Envoy 没有发送的请求体：客户端应发送 Content-Length: 0，或在所有路由上设置 with_request_body，再用 --accept-unsaid-length (AcceptUnsaidLength)",
		partialBody:    "Envoy 只发送了请求体的一部分：请设置 allow_partial_message: false，请求体更长时调大 max_request_bytes",
		panicked:       "验签请求时发生 panic，见日志",
		hintRewritten:  "请求带有 X-Envoy-Original-Path：路径在验签之前被改写",
		hintTextHeader: "头以文本形式到达，同名的被合并：请设置 encode_raw_headers: true",
	})
}
