package extauthz

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/proto"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/internal/screen"
)

// IdentityHeader tells the upstream the key id. Envoy sets it in the place of any that
// the client sent.
const IdentityHeader = "X-Hmacsign-Key-Id"

// A Server is Envoy's Authorization service. It is safe for concurrent use.
type Server struct {
	authv3.UnimplementedAuthorizationServer
	verifier      *hmacsign.Verifier
	screen        *screen.Screen
	observe       func(*Decision)
	budget        *hmacsign.Budget
	keepForwarded bool
	acceptUnsaid  bool
}

// An Option changes what [New] returns.
type Option func(*Server)

// WithObserver calls observe for each request before it is answered, from concurrent
// requests.
func WithObserver(observe func(*Decision)) Option {
	return func(s *Server) { s.observe = observe }
}

// WithBudget counts what requests in hand hold against a budget, which may be the
// verifier's own. A request without room is answered with 503 and Retry-After.
func WithBudget(b *hmacsign.Budget) Option {
	return func(s *Server) { s.budget = b }
}

// KeepForwarded passes on Forwarded, X-Real-Ip and the X-Forwarded headers that Envoy does
// not set itself, such as X-Forwarded-Host. Without it those that are not signed are removed:
// any client can send them. Use it where Envoy is behind a proxy that sets them.
func KeepForwarded() Option {
	return func(s *Server) { s.keepForwarded = true }
}

// AcceptUnsaidLength takes a POST, PUT, PATCH or the like without a body for one even if it
// does not say so with Content-Length: 0, which some clients do not. Envoy removes
// Transfer-Encoding and HTTP/2 needs no header for a body, so that nothing but
// with_request_body tells such a request from one whose body was held back: use it only
// where no route of Envoy's is without that. One that asks for an upgrade is refused
// still: Envoy holds back what follows it, whatever is set.
func AcceptUnsaidLength() Option {
	return func(s *Server) { s.acceptUnsaid = true }
}

// New returns a service that accepts what v accepts. Those of v's options that are for
// its middleware, an observer and a way to answer, are not asked.
func New(v *hmacsign.Verifier, opts ...Option) *Server {
	if v == nil {
		panic("extauthz: New: no verifier")
	}
	s := &Server{verifier: v, screen: screen.New(IdentityHeader)}
	for _, opt := range opts {
		opt(s)
	}
	return s
}

// A Decision is what became of a request, for logs and metrics. It holds no secret and
// no signature.
type Decision struct {
	Identity *hmacsign.Identity // who signed it, if it was accepted
	Err      error              // why it was refused, or nil; mostly a *[hmacsign.VerifyError]
	Status   int                // of the answer, 200 for a request that goes on
	Reason   string             // a stable word for why it was refused, or empty
	Took     time.Duration

	// As Envoy tells them. The path has no query: that may hold what is no one's business.
	Method, Host, Path, Client, RequestID string
}

// Check implements [authv3.AuthorizationServer]. Its error is always nil: what fails is
// refused.
func (s *Server) Check(ctx context.Context, in *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	start := time.Now()
	r, err := read(in.GetAttributes().GetRequest().GetHttp(), s.acceptUnsaid)
	d := &Decision{Status: http.StatusOK, Method: r.wire.Method, Host: r.wire.Host, RequestID: r.header.Get("X-Request-Id"),
		Client: clientAddress(in.GetAttributes().GetSource().GetAddress().GetSocketAddress())}
	d.Path, _, _ = strings.Cut(r.wire.Target, "?")
	if err == nil {
		d.Identity, err = s.decide(ctx, r, in)
	}
	var response *authv3.CheckResponse
	if err == nil {
		response = accepted(d.Identity, s.removed(r, d.Identity))
	} else {
		a := s.refuse(r, d, err)
		response = denied(&a, d)
	}
	if d.Took = time.Since(start); s.observe != nil {
		s.observe(d)
	}
	return response, nil
}

func clientAddress(a *corev3.SocketAddress) string {
	if a.GetAddress() == "" {
		return ""
	}
	return net.JoinHostPort(a.GetAddress(), strconv.Itoa(int(a.GetPortValue())))
}

// decide verifies a request. A panic, of a key store for example, is an error, as it is
// in net/http: one request must not end the process for all.
func (s *Server) decide(ctx context.Context, r *request, in *authv3.CheckRequest) (id *hmacsign.Identity, err error) {
	defer func() {
		if p := recover(); p != nil {
			refusal := scheme.Refuse(hmacsign.ErrUnavailable, panicked)
			refusal.Cause = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			id, err = nil, refusal
		}
	}()
	if s.budget != nil {
		size := int64(proto.Size(in))
		if err := s.budget.Reserve(size); err != nil {
			return nil, err
		}
		defer s.budget.Release(size)
	}
	id, err = s.verifier.VerifyWire(ctx, &r.wire)
	if r.wire.Body != nil {
		r.wire.Body.Close() // what is held of it
	}
	if err != nil {
		return nil, err
	}
	covered := slices.Concat(id.SignedHeaders, id.AlsoSigned)
	err = r.checkText(covered)
	if err == nil {
		err = s.screen.Check(r.header, covered)
	}
	if err == nil && namesIdentity(r.header) {
		err = screen.NotForwardable("the Connection header names " + IdentityHeader + ", which so would not arrive")
	}
	if err != nil {
		return nil, refusedAfter(id, err)
	}
	return id, nil
}

// namesIdentity is for upgrades: of other requests Envoy takes the Connection header off.
func namesIdentity(header http.Header) bool {
	for name := range screen.ConnectionOptions(header) {
		if strings.EqualFold(name, IdentityHeader) {
			return true
		}
	}
	return false
}

// refusedAfter is the error for a request whose signature is right.
func refusedAfter(id *hmacsign.Identity, err error) error {
	var refusal *scheme.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	return &hmacsign.VerifyError{Refusal: *refusal, Scheme: id.Scheme, KeyID: id.KeyID, Algorithm: id.Algorithm}
}

// removed are the headers that do not go on beside a request of this identity. The
// identity's own is not among them: Envoy removes after it has set.
func (s *Server) removed(r *request, id *hmacsign.Identity) (names []string) {
	covered := slices.Concat(id.SignedHeaders, id.AlsoSigned)
	for name := range r.header {
		if strings.EqualFold(name, IdentityHeader) {
			continue
		}
		if s.screen.Drops(name, covered) || (s.dropsForwarded(name) || name == "Trailer") && !screen.Covers(covered, name) {
			names = append(names, strings.ToLower(name))
		}
	}
	slices.Sort(names)
	return names
}

// dropsForwarded is for what a client can say of how it was reached. Envoy itself takes
// care of X-Forwarded-Client-Cert. To X-Forwarded-Host it appends at most, behind this
// service.
func (s *Server) dropsForwarded(name string) bool {
	return !s.keepForwarded && (strings.EqualFold(name, "X-Forwarded-Host") || screen.IsForwarded(name) && !strings.EqualFold(name, "X-Forwarded-Client-Cert"))
}

// refuse is the answer for an error, which it writes down in d.
func (s *Server) refuse(r *request, d *Decision, err error) hmacsign.Answer {
	var unfit screen.NotForwardable
	if errors.As(err, &unfit) {
		d.Err, d.Status, d.Reason = err, http.StatusBadRequest, screen.Code
		return notForwardable()
	}
	var refused *hmacsign.VerifyError
	if !errors.As(err, &refused) {
		var refusal *scheme.Refusal
		if !errors.As(err, &refusal) {
			refusal = scheme.Refuse(hmacsign.ErrUnavailable, "")
			refusal.Cause = err
		}
		refused = &hmacsign.VerifyError{Refusal: *refusal}
	}
	a := s.verifier.Answer(refused)
	if refused.Reason == hmacsign.ErrSignature && refused.DetailCode == "" {
		if code := r.hint(); code != "" {
			refused.DetailCode, refused.Detail = code, scheme.Text("en", code, nil)
		}
	}
	d.Err, d.Status, d.Reason = refused, a.Status, refused.Code()
	return a
}
