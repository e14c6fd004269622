package hmacsigncaddy

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
)

func init() {
	httpcaddyfile.RegisterHandlerDirective("hmacsign", parseDirective)
	httpcaddyfile.RegisterDirectiveOrder("hmacsign", httpcaddyfile.Before, "basic_auth")
}

func parseDirective(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile implements [caddyfile.Unmarshaler]. Syntax:
//
//	hmacsign [<matcher>] {
//		keys            <file>
//		schemes         <name...>
//		window          <duration>
//		max_body        <size>
//		require_header  <name...>
//		replay_guard    <requests> | redis <url>
//		explain
//		identity_header <name>
//	}
//
// Each may stand once.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive
	if d.NextArg() {
		return d.ArgErr()
	}
	given := map[string]bool{}
	for d.NextBlock(0) {
		name := d.Val()
		if given[name] {
			return d.Errf("%s is there twice: give it once", name)
		}
		given[name] = true
		if err := h.set(d, name, d.RemainingArgs()); err != nil {
			return err
		}
	}
	if h.KeysFile == "" {
		return d.Err("no keys file: name it with keys")
	}
	return nil
}

// set takes a subdirective.
func (h *Handler) set(d *caddyfile.Dispenser, name string, args []string) (err error) {
	for _, arg := range args {
		if arg == "" {
			return d.Errf("%s: a value is empty: give one, or leave %s out", name, name)
		}
	}
	switch name {
	case "schemes", "require_header":
		if len(args) == 0 {
			return d.ArgErr()
		}
	case "explain":
		if len(args) != 0 {
			return d.ArgErr()
		}
	case "replay_guard":
		if len(args) != 1 && (len(args) != 2 || args[0] != "redis") {
			return d.ArgErr()
		}
	case "keys", "window", "max_body", "identity_header":
		if len(args) != 1 {
			return d.ArgErr()
		}
	default:
		return d.Errf("%s: use keys, schemes, window, max_body, require_header, replay_guard, explain or identity_header", name)
	}
	switch name {
	case "keys":
		h.KeysFile = args[0]
	case "schemes":
		h.Schemes = args
	case "window":
		err = h.setWindow(d, args[0])
	case "max_body":
		err = h.setMaxBody(d, args[0])
	case "require_header":
		h.RequireHeaders = args
	case "replay_guard":
		err = h.setReplayGuard(d, args)
	case "explain":
		h.Explain = true
	case "identity_header":
		h.IdentityHeader = args[0]
	}
	return err
}

func (h *Handler) setWindow(d *caddyfile.Dispenser, text string) error {
	window, err := caddy.ParseDuration(text)
	if err != nil || window <= 0 {
		return d.Errf("window %s: write a time above zero, such as 15m", text)
	}
	h.Window = caddy.Duration(window)
	return nil
}

func (h *Handler) setMaxBody(d *caddyfile.Dispenser, text string) error {
	size, err := humanize.ParseBytes(text)
	if err != nil || size < 1 || size > 1<<62 {
		return d.Errf("max_body %s: write a size above zero, such as 10MiB", text)
	}
	h.MaxBody = int64(size)
	return nil
}

func (h *Handler) setReplayGuard(d *caddyfile.Dispenser, args []string) error {
	if len(args) == 2 {
		h.ReplayRedis = args[1]
		return nil
	}
	requests, err := strconv.Atoi(args[0])
	if err != nil || requests < 1 {
		return d.Errf("replay_guard %s: write the most requests that come within twice the window, such as 100000, or redis and a URL", args[0])
	}
	h.ReplayGuard = requests
	return nil
}

var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
)
