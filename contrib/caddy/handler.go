package hmacsigncaddy

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/gmhmac/hmacsign/contrib/redisreplay"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/internal/screen"
)

func init() { caddy.RegisterModule(new(Handler)) }

// Handler passes on requests that are signed by a key of a file and answers the
// rest: 401 in the vendor's words, 413 for a body over the limit, 503 where
// nothing can be decided, and 400 for a request that Caddy would not pass on as it
// was verified.
//
// Of an accepted request the placeholder {http.auth.user.id} is the key id, which
// Caddy's access log shows as the user, and so is {http.hmacsign.key_id};
// {http.hmacsign.scheme}, {http.hmacsign.algorithm} and {http.hmacsign.backend}
// tell how it was signed and what computed the MAC. Of a refused one
// {http.hmacsign.reason} is the code of the refusal, and {http.auth.candidate.id}
// the key id that it claims.
//
// What requests hold in memory and on disk while they are verified counts against
// one budget, which all handlers of the process share.
type Handler struct {
	// The keys file, JSON, as `hmacsign verify --keys` takes it. It is followed when
	// it changes, and the files are that it names. Global placeholders such as
	// {env.KEYS} are replaced.
	KeysFile string `json:"keys_file,omitempty"`

	// The names of the schemes to accept: tencent-app, tencent-keypair, huawei-sdk.
	// A request that is not signed is answered in the words of the first. Default:
	// all.
	Schemes []string `json:"schemes,omitempty"`

	// How far a request's date may be from the clock, either way. Default: 15m.
	Window caddy.Duration `json:"window,omitempty"`

	// How many bytes of body are accepted; more is answered with 413. Default: 10
	// MiB.
	MaxBody int64 `json:"max_body,omitempty"`

	// Headers that a request must have signed, beside the date that each scheme
	// requires.
	RequireHeaders []string `json:"require_headers,omitempty"`

	// Refuse repeated requests, remembered in the memory of this process, with room
	// for so many within twice the window. Handlers with the same number share what
	// is remembered, and it is kept when the configuration is reloaded. Default:
	// none.
	ReplayGuard int `json:"replay_guard,omitempty"`

	// Refuse repeated requests, remembered in the Redis at this URL, which other
	// gateways share: redis://user:password@host:6379/0, rediss:// for TLS. Global
	// placeholders such as {env.REDIS_URL} are replaced, and keep a password out of
	// the configuration, which the admin API shows. While Redis does not answer, every
	// request is answered with 503. Default: none.
	ReplayRedis string `json:"replay_redis,omitempty"`

	// Look for the mistake of a client whose signature does not match, and log it.
	// It costs more than to refuse: for finding mistakes, not for an open server.
	Explain bool `json:"explain,omitempty"`

	// The request header that tells whoever is behind the key id. What a client
	// sends of that name is dropped. Default: X-Hmacsign-Key-Id.
	IdentityHeader string `json:"identity_header,omitempty"`

	log     *zap.Logger
	keys    *hmacsign.FileKeys
	replays *sharedStore
	screen  *screen.Screen

	verifier *hmacsign.Verifier
	verify   http.Handler // the verifier's middleware, around passOn
}

// CaddyModule tells Caddy of the module.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.hmacsign", New: func() caddy.Module { return new(Handler) }}
}

const (
	defaultIdentityHeader = "X-Hmacsign-Key-Id"
	maxReplayGuard        = 100_000_000 // its memory is set aside at the start
)

// Provision reads the keys and makes the verifier.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.log = ctx.Logger()
	h.IdentityHeader = cmp.Or(h.IdentityHeader, defaultIdentityHeader)
	h.Window = cmp.Or(h.Window, caddy.Duration(hmacsign.DefaultWindow))
	h.MaxBody = cmp.Or(h.MaxBody, hmacsign.DefaultMaxBody)
	if err := h.check(); err != nil {
		return err
	}
	h.screen = screen.New(h.IdentityHeader)
	if err := h.openKeys(); err != nil {
		return err
	}
	opts, err := h.options(ctx)
	if err != nil {
		return err
	}
	if h.verifier, err = hmacsign.NewVerifier(h.keys, opts...); err != nil {
		return err
	}
	h.verify = h.verifier.Middleware(http.HandlerFunc(h.passOn))
	return nil
}

// check finds settings that cannot be meant.
func (h *Handler) check() error {
	switch {
	case h.KeysFile == "":
		return fmt.Errorf("hmacsign: no keys file: name it with keys")
	case h.Window < 0:
		return fmt.Errorf("hmacsign: window %s: use more than 0", time.Duration(h.Window))
	case h.MaxBody < 0:
		return fmt.Errorf("hmacsign: max_body %d: use more than 0", h.MaxBody)
	case h.ReplayGuard < 0 || h.ReplayGuard > maxReplayGuard:
		return fmt.Errorf("hmacsign: replay_guard %d: use 1 to %d, or leave it out", h.ReplayGuard, maxReplayGuard)
	case h.ReplayGuard > 0 && h.ReplayRedis != "":
		return fmt.Errorf("hmacsign: replay_guard is there twice: in memory or in Redis")
	case h.ReplayRedis != "" && time.Duration(h.Window) > redisreplay.MaxLifetime/2:
		return fmt.Errorf("hmacsign: window %s: with Redis use at most %s", time.Duration(h.Window), redisreplay.MaxLifetime/2)
	}
	if err := screen.CheckIdentityHeader(h.IdentityHeader); err != nil {
		return fmt.Errorf("hmacsign: identity_header %w", err)
	}
	return nil
}

func (h *Handler) openKeys() (err error) {
	path, err := caddy.NewReplacer().ReplaceOrErr(h.KeysFile, true, true)
	if err != nil {
		return fmt.Errorf("hmacsign: keys %q: %w", h.KeysFile, err)
	}
	h.keys, err = hmacsign.OpenKeys(path, h.keysRead)
	return err
}

// keysRead logs how the keys file was read again.
func (h *Handler) keysRead(err error) {
	if err != nil {
		h.log.Error("the keys file cannot be used as it is now: the old keys stay", zap.Error(err))
		return
	}
	h.log.Info("the keys file was read again and its keys are in use")
}

func (h *Handler) options(ctx caddy.Context) ([]hmacsign.VerifierOption, error) {
	opts := []hmacsign.VerifierOption{hmacsign.WithWindow(time.Duration(h.Window)), hmacsign.WithMaxBody(h.MaxBody),
		hmacsign.RequireSignedHeaders(h.RequireHeaders...), hmacsign.WithObserver(h.observe)}
	if len(h.Schemes) > 0 {
		var schemes []hmacsign.Scheme
		for _, name := range h.Schemes {
			s, err := hmacsign.SchemeByName(name)
			if err != nil {
				return nil, err
			}
			schemes = append(schemes, s)
		}
		opts = append(opts, hmacsign.AcceptSchemes(schemes...))
	}
	if h.Explain {
		opts = append(opts, hmacsign.WithExplanations())
	}
	var err error
	switch {
	case h.ReplayGuard > 0:
		h.replays, err = memoryStore(h.ReplayGuard, time.Duration(h.Window))
	case h.ReplayRedis != "":
		h.replays, err = redisStore(ctx, h.ReplayRedis, time.Duration(h.Window))
	}
	if h.replays != nil {
		opts = append(opts, hmacsign.WithReplayGuard(h.replays))
	}
	return opts, err
}

// Validate fails if the keys file has no key, so that every request would be
// refused.
func (h *Handler) Validate() error { return h.keys.Ready(context.Background()) }

// Cleanup lets go of what the handler remembers, unless another one, such as that
// of a new configuration, uses it too.
func (h *Handler) Cleanup() error {
	if h.replays == nil {
		return nil
	}
	return h.replays.leave()
}

// passage is a request on its way through the handler.
type passage struct {
	request *http.Request // as it is passed on
	next    caddyhttp.Handler
	err     error // of next
}

type passageKey struct{}

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	p := &passage{request: r, next: next}
	h.verify.ServeHTTP(w, received(r, context.WithValue(r.Context(), passageKey{}, p)))
	return p.err
}

// received is the request with the method and target that it came with, which
// handlers before this one may have changed.
func received(r *http.Request, ctx context.Context) *http.Request {
	came := r.WithContext(ctx)
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		came.Method, came.RequestURI, came.URL = original.Method, original.RequestURI, original.URL
	}
	return came
}

// passOn gives the request that the verifier accepted to the next handler: the one
// that Caddy has in hand, with the body that was verified.
func (h *Handler) passOn(w http.ResponseWriter, verified *http.Request) {
	p := verified.Context().Value(passageKey{}).(*passage)
	id, _ := hmacsign.IdentityFrom(verified.Context())
	if err := h.forwardable(verified, id); err != nil {
		h.refuse(w, verified, id, err)
		return
	}
	r := p.request
	body := &passedBody{ReadCloser: verified.Body}
	if verified.Body != nil && verified.Body != http.NoBody {
		r.Body = body
	}
	r.ContentLength, r.TransferEncoding = verified.ContentLength, verified.TransferEncoding
	h.clean(r, id, verified.GetBody != nil)
	tell(r, id)
	p.err = p.next.ServeHTTP(w, r)
	if failure := body.failure(); failure != nil && p.err != nil {
		p.err = nil
		h.answer(w, verified, brokenOff(failure, id, h.MaxBody))
	}
}
