//go:build tencentsm && cgo

package sm3cgo

import (
	"bytes"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/gmhmac/hmacsign/algo"
)

const available = true

func init() {
	algo.Register(algo.Backend{Algorithm: algo.HMACSM3, Name: Linked().Backend, Preference: 30, Probe: library.probe,
		NewHash:  func() hash.Hash { return newDigest() },
		NewKeyed: func(secret []byte) (algo.Keyed, error) { return newKeyed(secret), nil },
		Module:   module})
}

// module is the file that holds the library, the program's own where it is
// statically linked.
func module() (algo.Module, error) {
	mac := linked().function("SM3_HMAC")
	return algo.ModuleAt(mac.address, mac.file)
}

// New returns an SM3 digest. Where libTencentSM is linked it runs there and
// panics with an [algo.Failure] if the library cannot be used, which
// algo.NewHash reports as an error; elsewhere it is sm3pure's. It implements
// [hash.Cloner].
func New() hash.Hash {
	if _, _, err := library.probe(); err != nil {
		failed("%w", err)
	}
	return newDigest()
}

// Linked tells which libTencentSM this program has.
func Linked() Library { return linked().Library }

// linkage is what was found when the functions were looked up.
type linkage struct {
	Library
	functions []origin
	err       error // why this is no libTencentSM that can be trusted
}

var linked = sync.OnceValue(func() linkage {
	functions, program := resolve()
	version, ok := rawVersion()
	l := linkage{Library: Library{Backend: "tencentsm", Edition: "Lite", Version: version, Path: "statically linked"}, functions: functions}
	if isStandIn(version) {
		l.Backend = "tencentsm-standin"
	}
	if strings.Contains(version, "Pro") || l.has("initTencentSM") {
		l.Edition = "Pro"
	}
	if mac := l.function("SM3_HMAC"); mac.base != program {
		l.Path = mac.file
	}
	if l.err = checkVersion(version, ok); l.err != nil {
		l.Version = strconv.Quote(version)
	} else {
		l.err = l.checkOrigins()
	}
	return l
})

func (l linkage) has(name string) bool { return l.function(name).address != 0 }

func (l linkage) function(name string) origin {
	for _, f := range l.functions {
		if f.name == name {
			return f
		}
	}
	return origin{}
}

// isStandIn reports whether a version calls itself a stand-in, however that is
// spelled.
func isStandIn(version string) bool {
	letters := strings.Map(func(r rune) rune {
		if r < 'a' || r > 'z' {
			return -1
		}
		return r
	}, strings.ToLower(version))
	return strings.Contains(letters, "standin")
}

// versionNumber is in each version of libTencentSM: 1.2.1-3, 1.7.3-2, Pro_1.7.6.
var versionNumber = regexp.MustCompile(`[0-9]\.[0-9]`)

func checkVersion(version string, ok bool) error {
	switch {
	case !ok:
		return errors.New("the library's version() is NULL, so nobody knows what it is: use libTencentSM")
	case version == "":
		return errors.New("the library's version() is empty, so nobody knows what it is: use libTencentSM")
	case strings.ContainsFunc(version, func(r rune) bool { return r < ' ' || r > '~' }):
		return errors.New("the library's version() is not printable, so nobody knows what it is: use libTencentSM")
	case !isStandIn(version) && !versionNumber.MatchString(version):
		return fmt.Errorf("the library's version() is %q, which has no number, so nobody knows what it is: use libTencentSM", version)
	}
	return nil
}

// checkOrigins holds all functions to one file: a part that comes from another
// one, preloaded for example, is not what was certified.
func (l linkage) checkOrigins() error {
	mac := l.function("SM3_HMAC")
	for _, f := range l.functions {
		if f.base != mac.base {
			return fmt.Errorf("%s comes from %s, SM3_HMAC from %s: all must come from one file", f.name, f.file, mac.file)
		}
	}
	return nil
}

func (l Library) pro() bool { return l.Edition == "Pro" }

// library is the state of the one library of this process.
var library state

type state struct {
	mu          sync.Mutex
	initialised bool  // Pro only
	refused     error // what Pro said to the environment's license, which is offered once
	usable      bool  // everything below was checked
}

// probe tells whether the library can be used; see algo.Backend. The checks run
// until they succeed, so a Pro edition can be initialised later.
func (s *state) probe() (version, detail string, err error) {
	l := linked()
	detail = fmt.Sprintf("libTencentSM %s edition, %s; %s", l.Edition, l.Path, whoComputes)
	if l.Backend != "tencentsm" {
		detail = fmt.Sprintf("a stand-in for tests, not libTencentSM; as %s edition, %s; %s", l.Edition, l.Path, whoComputes)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.usable {
		if err := s.check(l); err != nil {
			return l.Version, detail, err
		}
		s.usable = true
	}
	return l.Version, detail, nil
}

// whoComputes tells an auditor which part of a MAC is the module's.
const whoComputes = "SM3 and HMAC are the module's; of a stream over 256 bytes, clones and what follows the first Sum are Go's HMAC over the module's SM3"

func (s *state) check(l linkage) error {
	if l.err != nil {
		return l.err
	}
	if err := l.checkMapped(); err != nil {
		return err
	}
	if err := checkContextSize(); err != nil {
		return err
	}
	if l.pro() && !s.initialised {
		if err := s.initFromEnv(); err != nil {
			return err
		}
	}
	if err := begin(l.pro()); err != nil {
		return err
	}
	return checkStreams()
}

func (s *state) initFromEnv() error {
	if s.refused != nil {
		return s.refused
	}
	license, ok, err := licenseFromEnv()
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("the Pro edition is not initialised: call sm3cgo.Init, or set %s and %s, or %s and %s", EnvAppID, EnvToken, EnvAppID, EnvCertFile)
	}
	s.refused = s.init(license)
	return s.refused
}

// checkStreams holds the library's streaming MAC against GM/T 0042-2015 D.3
// example 4, which is too short for a stream of this package to get there.
func checkStreams() (err error) {
	defer func() {
		if f, ok := err.(*algo.Failure); ok {
			err = f.Err
		}
	}()
	defer algo.CatchFailure(&err)
	want := []byte("\x2e\x87\xf1\xd1\x68\x62\xe6\xd9\x64\xb5\x0a\x52\x00\xbf\x2b\x10\xb7\x64\xfa\xa9\x68\x0a\x29\x6a\x24\x05\xf2\x4b\xec\x39\xf8\x82")
	var mac [size]byte
	m := newModuleMAC([]byte("Jefe"))
	m.update([]byte("what do ya want for nothing?"))
	m.final(&mac)
	if !bytes.Equal(mac[:], want) {
		return fmt.Errorf("%w: GM/T 0042-2015 D.3 example 4 (SM3_HMAC_Init, Update, Final): computed %x", algo.ErrSelfTest, mac)
	}
	return nil
}

// Init initialises the Pro edition of libTencentSM, once per process and before
// the first key; a second call is harmless. With the Lite edition it does
// nothing. The error wraps [algo.ErrBackendUnavailable] where the library
// refuses the license or is not linked.
func Init(license License) error {
	l := linked()
	if !l.pro() {
		return nil
	}
	library.mu.Lock()
	defer library.mu.Unlock()
	err := l.err
	if err == nil {
		err = library.init(license)
	}
	if err != nil {
		return fmt.Errorf("sm3cgo: %w: %w", algo.ErrBackendUnavailable, err)
	}
	return nil
}

func (s *state) init(license License) error {
	if err := license.check(); err != nil {
		return err
	}
	function, call := "initTencentSM", callToken
	if license.Token == "" {
		function, call = "initTencentSMWithCert", callCert
	}
	if !linked().has(function) {
		return fmt.Errorf("the Pro edition's %s is not linked: link the shared library, or add -Wl,-u,%s to CGO_LDFLAGS", function, function)
	}
	if code := call(license); code != 0 {
		return fmt.Errorf("%s refused the license with code %d", function, code)
	}
	s.initialised = true
	return nil
}
