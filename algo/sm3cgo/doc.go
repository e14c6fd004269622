// Package sm3cgo computes SM3 and HMAC-SM3 in libTencentSM where the program is
// built with cgo and the tag tencentsm, and is package sm3pure everywhere else.
// A program that imports it has, in the tagged build, the backend "tencentsm" of
// hmac-sm3, preferred over all others:
//
//	import _ "github.com/gmhmac/hmacsign/algo/sm3cgo"
//
// One-shot MACs, and streams of up to 256 bytes, run in one call of the library's
// SM3_HMAC. Longer streams run in its SM3_HMAC_Init, SM3_HMAC_Update and
// SM3_HMAC_Final and are compared with HMAC over its SM3; clones and what follows the
// first Sum are that HMAC alone, because the library's contexts can neither be copied
// nor continued.
//
// The library is looked for where CGO_LDFLAGS says, then in
// third_party/tencentsm/lib/<goos>_<goarch>, then in the system's own path. Its
// Lite and Pro editions work with the same build; Pro must be initialised, see
// [Init]. A library whose version has "standin" in it, however it is spelled, is
// this project's test tool: it is reported as backend "tencentsm-standin" and
// satisfies no requirement of "tencentsm".
package sm3cgo

// Enabled reports whether libTencentSM is linked into this program.
const Enabled = available

// A License initialises the Pro edition, with AppID and Token, or with AppID,
// Cert and, where the certificate names one, BundleID. It never prints its
// contents.
type License struct {
	AppID    string
	Token    string
	BundleID string
	Cert     []byte // the certificate's text
}

// The environment variables from which a Pro edition that nobody has
// initialised takes its license when it is first needed.
const (
	EnvAppID    = "TENCENTSM_APPID"
	EnvToken    = "TENCENTSM_TOKEN"
	EnvBundleID = "TENCENTSM_BUNDLEID"
	EnvCertFile = "TENCENTSM_CERT_FILE"
)

// Library tells what is linked; zero where nothing is.
type Library struct {
	Backend string `json:"backend"` // "tencentsm" or "tencentsm-standin"
	Edition string `json:"edition"` // "Lite" or "Pro"
	Version string `json:"version"` // as the library's version() has it
	Path    string `json:"path"`    // of the shared library as the loader sees it, or "statically linked"
}
