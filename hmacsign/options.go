package hmacsign

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// A SignerOption changes what [NewSigner] returns.
type SignerOption interface{ signer(*Signer) error }

// A VerifierOption changes what [NewVerifier] returns.
type VerifierOption interface{ verifier(*Verifier) error }

// An Option is for signers and verifiers alike.
type Option interface {
	SignerOption
	VerifierOption
}

// common is what signers and verifiers both have.
type common struct {
	clock   func() time.Time
	backend string
	maxBody int64
	budget  *Budget
}

func defaults(budget *Budget) common {
	return common{clock: time.Now, maxBody: DefaultMaxBody, budget: budget}
}

func nilOption(who string, i int) error {
	return fmt.Errorf("hmacsign: %s: option %d is nil: leave it out", who, i+1)
}

type bothOption func(*common) error

func (o bothOption) signer(s *Signer) error     { return o(&s.common) }
func (o bothOption) verifier(v *Verifier) error { return o(&v.common) }

type signerOption func(*Signer) error

func (o signerOption) signer(s *Signer) error { return o(s) }

type verifierOption func(*Verifier) error

func (o verifierOption) verifier(v *Verifier) error { return o(v) }

// WithClock makes clock the time instead of time.Now. It is called from
// concurrent requests.
func WithClock(clock func() time.Time) Option {
	return bothOption(func(c *common) error {
		if clock == nil {
			return errors.New("hmacsign: WithClock: no clock")
		}
		c.clock = clock
		return nil
	})
}

// WithBackend makes this backend of package algo compute every MAC, and the
// digests and derived keys that huawei-sdk needs for it; no other is asked for
// anything. A backend that is not there is an error, at the latest when it is first
// needed.
func WithBackend(name string) Option {
	return bothOption(func(c *common) error { c.backend = name; return nil })
}

// WithMaxBody limits how many bytes of body are read, [DefaultMaxBody] without
// it. A longer body is [ErrBodyTooLarge].
func WithMaxBody(bytes int64) Option {
	return bothOption(func(c *common) error {
		if bytes < 0 {
			return errors.New("hmacsign: WithMaxBody: a negative limit")
		}
		c.maxBody = bytes
		return nil
	})
}

// WithBudget bounds what requests make the process hold. Verifiers without it
// share one budget of [DefaultMaxBuffered] and [DefaultMaxBufferedOnDisk]; signers
// without it hold what their caller gives them to sign.
func WithBudget(b *Budget) Option {
	return bothOption(func(c *common) error {
		if b == nil {
			return errors.New("hmacsign: WithBudget: no budget")
		}
		c.budget = b
		return nil
	})
}

// WithSignedHeaders signs these headers beside the ones that a scheme always
// signs; one that the scheme cannot sign is an error of [NewSigner]. A request that
// lacks one is not signed.
func WithSignedHeaders(names ...string) SignerOption {
	return signerOption(func(s *Signer) error {
		for _, name := range names {
			parsed, err := scheme.ParseHeaderNames(nil, name, ' ')
			if err != nil {
				return err
			}
			if parsed[0] == "authorization" {
				return errors.New("hmacsign: WithSignedHeaders: the Authorization header cannot sign itself")
			}
			s.headers = append(s.headers, parsed...)
		}
		return nil
	})
}

// SignRedirects makes [Signer.Transport] sign the requests of a redirect to
// another host too. Whoever is asked then decides what is signed: for an address
// of its own, or for any path of a host that accepts this key.
func SignRedirects() SignerOption {
	return signerOption(func(s *Signer) error { s.signRedirects = true; return nil })
}

// AcceptSchemes makes a verifier accept these schemes alone. A request that is not
// signed, or in none of them, is answered in the words of the first, its challenge
// among them: name first the one whose clients shall read them.
func AcceptSchemes(schemes ...Scheme) VerifierOption {
	return verifierOption(func(v *Verifier) error {
		if len(schemes) == 0 || slices.Contains(schemes, nil) {
			return errors.New("hmacsign: AcceptSchemes: name at least one scheme, and none that is nil")
		}
		v.schemes = nil
		for _, s := range schemes {
			if slices.ContainsFunc(v.schemes, func(d *dialect) bool { return d.name == s.Name() }) {
				return fmt.Errorf("hmacsign: AcceptSchemes: %s is there twice: set the options of one value", s.Name())
			}
			if err := checkScheme(s); err != nil {
				return err
			}
			v.schemes = append(v.schemes, newDialect(s))
		}
		return nil
	})
}

// RequireSignedHeaders makes a verifier refuse requests that do not sign all of
// these headers, beside the date that each scheme requires.
func RequireSignedHeaders(names ...string) VerifierOption {
	return verifierOption(func(v *Verifier) error {
		for _, name := range names {
			parsed, err := scheme.ParseHeaderNames(nil, name, ' ')
			if err != nil {
				return err
			}
			v.required = append(v.required, parsed...)
		}
		return nil
	})
}

// DefaultWindow is how far a request's date may be from the verifier's clock,
// either way, unless [WithWindow] says otherwise: 15 minutes.
const DefaultWindow = 15 * time.Minute

// WithWindow sets how far a request's date may be from the verifier's clock.
func WithWindow(d time.Duration) VerifierOption {
	return verifierOption(func(v *Verifier) error {
		if d <= 0 {
			return errors.New("hmacsign: WithWindow: the window must be above zero")
		}
		v.window = d
		return nil
	})
}

// WithReplayGuard makes a verifier refuse, as [ErrReplayed], a request whose
// signature it has accepted before. Only requests with a right signature reach
// the store. Two requests that are alike to the second have one signature: a
// client that sends such signs a header that differs.
func WithReplayGuard(store ReplayStore) VerifierOption {
	return verifierOption(func(v *Verifier) error {
		if store == nil {
			return errors.New("hmacsign: WithReplayGuard: no store")
		}
		v.replays = store
		return nil
	})
}

// WithExplanations makes a verifier say in [VerifyError.Explanation] which known
// client mistake makes the signature of a refused request. The search is bounded
// in memory and time, 16 MiB and about 50 ms of a request, and takes its memory of
// the [Budget]; but a stranger who knows a key id can have it made for each request,
// so on an open server it is for as long as mistakes are looked for. It tells
// nothing that the request did not hold.
func WithExplanations() VerifierOption {
	return verifierOption(func(v *Verifier) error { v.explain = true; return nil })
}

// WithObserver calls observe for each request that [Verifier.Middleware] decides
// on, before it goes on or is answered: with an identity or with the refusal.
// It is called from concurrent requests.
func WithObserver(observe func(*http.Request, *Identity, *VerifyError)) VerifierOption {
	return verifierOption(func(v *Verifier) error {
		if observe == nil {
			return errors.New("hmacsign: WithObserver: no function: leave it out")
		}
		v.observe = observe
		return nil
	})
}

// WithRefusal has answer write what [Verifier.Middleware] sends to a client that is
// refused, in the place of [Verifier.Answer]. It is called from concurrent requests,
// after an observer.
func WithRefusal(answer func(http.ResponseWriter, *http.Request, *VerifyError)) VerifierOption {
	return verifierOption(func(v *Verifier) error {
		if answer == nil {
			return errors.New("hmacsign: WithRefusal: no function: leave it out for the vendor's words")
		}
		v.refuse = answer
		return nil
	})
}

// EchoStringToSign makes [Verifier.Answer] tell a client whose signature
// does not match the server's string to sign, newlines shown as #, as the
// vendor's gateway does. It helps to find mistakes and tells nothing that the
// request did not hold, as far as no proxy in between added headers.
func EchoStringToSign() VerifierOption {
	return verifierOption(func(v *Verifier) error { v.echo = true; return nil })
}
