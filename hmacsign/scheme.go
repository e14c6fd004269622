package hmacsign

import (
	"fmt"
	"strings"
	"sync"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentkeypair"
)

// A Scheme is a way to sign a request: see package scheme. The options of a scheme
// are the fields of its type, as in tencentapp.Scheme{KeepEnvironment: true}.
type Scheme = scheme.Scheme

// The schemes with no options set; see the packages that they are from.
var (
	TencentApp     Scheme = tencentapp.Scheme{}
	TencentKeyPair Scheme = tencentkeypair.Scheme{}
	HuaweiSDK      Scheme = huaweisdk.Scheme{}
)

// registered is every scheme, in the order in which a verifier tries them.
var (
	registered   = []Scheme{TencentApp, TencentKeyPair, HuaweiSDK}
	registeredMu sync.RWMutex
)

// RegisterScheme makes a scheme known by its name, to [SchemeByName], to keys files
// and to verifiers that are not told which schemes to accept. These answer a request that
// is not signed in the words of [TencentApp], which comes first: see [AcceptSchemes].
// It panics on nil or a name that is there already, as database/sql does.
func RegisterScheme(s Scheme) {
	registeredMu.Lock()
	defer registeredMu.Unlock()
	if s == nil {
		panic("hmacsign: RegisterScheme: no scheme")
	}
	for _, other := range registered {
		if other.Name() == s.Name() {
			panic("hmacsign: RegisterScheme: there is a scheme " + s.Name() + " already")
		}
	}
	registered = append(registered[:len(registered):len(registered)], s)
}

// Schemes lists all schemes.
func Schemes() []Scheme {
	registeredMu.RLock()
	defer registeredMu.RUnlock()
	return append([]Scheme(nil), registered...)
}

// SchemeByName returns the scheme of that name.
func SchemeByName(name string) (Scheme, error) {
	var names []string
	for _, s := range Schemes() {
		if s.Name() == name {
			return s, nil
		}
		names = append(names, s.Name())
	}
	return nil, fmt.Errorf("hmacsign: unknown scheme %q: use one of %s", scheme.Clip(name), strings.Join(names, ", "))
}

// dialect is a scheme with what the engine asks it once.
type dialect struct {
	Scheme
	name  string
	forms []string
	// signsBody: it covers the body.
	signsBody bool
	// What else it can do, or nil.
	hashed    scheme.Hashed
	deriver   scheme.Deriver
	explainer scheme.Explainer
}

// checkScheme finds options of a scheme that cannot be used.
func checkScheme(s Scheme) error {
	checker, ok := s.(scheme.Checker)
	if !ok {
		return nil
	}
	if err := checker.Check(); err != nil {
		return fmt.Errorf("hmacsign: %s: %w", s.Name(), err)
	}
	return nil
}

func newDialect(s Scheme) *dialect {
	d := &dialect{Scheme: s, name: s.Name(), forms: s.Forms(), signsBody: s.Coverage().Body}
	d.hashed, _ = s.(scheme.Hashed)
	d.deriver, _ = s.(scheme.Deriver)
	d.explainer, _ = s.(scheme.Explainer)
	return d
}
