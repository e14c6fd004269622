// Package sm3cgo computes SM3 and HMAC-SM3 in libTencentSM where the program is
// built with cgo and the tag tencentsm, and is package sm3pure everywhere else.
// A program that imports it has, in the tagged build, the backend "tencentsm" of
// hmac-sm3, preferred over all others:
//
//	import _ "github.com/gmhmac/hmacsign/algo/sm3cgo"
//
// What the module computes, and what Go:
//   - A MAC in one call is the library's SM3_HMAC, and so is a stream of up to 256
//     bytes, which are gathered here.
//   - A longer stream runs in the library's SM3_HMAC_Init, Update and Final. The
//     library's stream can neither be copied nor go on after its end, so beside it
//     the same bytes go into the library's SM3, under a construction of HMAC in Go.
//     The first Sum is the library's MAC, if Go's is the same, else a failure. What
//     is written after it, and a clone, is of Go's construction over the library's
//     SM3.
//   - A digest is the library's SM3Init, SM3Update and SM3Final.
//
// No result is believed. The codes that functions return are read; where an
// edition's return none, the context is checked after each step; an output that was
// not written, or of zeros, is none. All of that is an [algo.Failure].
//
// The library is looked for where CGO_LDFLAGS says, then in
// third_party/tencentsm/lib/<goos>_<goarch>, then in the system's own path. Its
// Lite and Pro editions work with the same build; Pro must be initialised, see
// [Init]. All of its functions must come from one loaded file, which is what the
// backend reports as its module. A library whose version calls it a stand-in is
// this project's test tool: it is backend "tencentsm-standin" and satisfies no
// requirement of "tencentsm". One without a version is not used.
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
// initialised takes its license when it is first needed. A license that it refused
// is not offered again; [Init] may offer another.
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
