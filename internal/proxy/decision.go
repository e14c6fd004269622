package proxy

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/internal/wire"
)

// decision is all that the proxy knows of a request in hand.
type decision struct {
	Event
	multiplexed bool // over HTTP/2

	trusted  bool          // the peer is a trusted proxy
	covered  []string      // headers that the signature covers, lower-case
	received *http.Request // as it was verified
	target   *url.URL      // where it goes
	tunnel   *tunnel       // if it asks for one that is allowed
	cancel   context.CancelCauseFunc

	body         *receivedBody // the client's, or nil
	readFailure  error         // reading the upstream's answer
	writeFailure error         // writing it to the client
}

type decisionKey struct{}

func decisionOf(ctx context.Context) *decision { return ctx.Value(decisionKey{}).(*decision) }

func observe(r *http.Request, id *hmacsign.Identity, refused *hmacsign.VerifyError) {
	decisionOf(r.Context()).Decided(id, refused)
}

const statusClientGone = 499 // nobody reads it; for the log

// answerFailure answers where ReverseProxy cannot.
func answerFailure(w http.ResponseWriter, r *http.Request, err error) {
	d := decisionOf(r.Context())
	gone := r.Context().Err() != nil
	if errors.Is(context.Cause(r.Context()), errStalled) {
		gone, err = false, errStalled
	} else if d.body != nil {
		if failure := d.body.failure(gone); failure != nil {
			// A client that is too slow is still there, but net/http ends the context.
			gone = gone && !isTimeout(failure)
			err = &scheme.Refusal{Reason: hmacsign.ErrBody, Cause: failure}
		}
	}
	if gone {
		d.Reason, d.Detail = "client_gone", err.Error()
		w.WriteHeader(statusClientGone)
		return
	}
	d.fail(w, err)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// fail answers for an error. The client learns nothing of the inside.
func (d *decision) fail(w http.ResponseWriter, err error) {
	status, reason := failure(err)
	if status < 500 || reason == "busy" {
		d.Outcome = "refused"
	} else {
		d.Failed = true
	}
	d.Reason, d.Detail = reason, err.Error()
	d.blame(err)
	body, _ := json.Marshal(map[string]string{"message": http.StatusText(status), "reason": reason})
	body = append(body, '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if reason == "busy" {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	if reason != "busy" || !d.multiplexed { // a body waits until an HTTP/2 client takes it
		w.Write(body)
	}
}

// failure is the status and the reason that an error is answered with.
func failure(err error) (status int, reason string) {
	var refused notForwardable
	var tooLarge *http.MaxBytesError
	var unsigned *scheme.Refusal
	switch {
	case errors.As(err, &refused):
		return http.StatusBadRequest, "not_forwardable"
	case err == errNoRoute:
		return http.StatusNotFound, "no_route"
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, "body_too_large"
	case errors.As(err, &unsigned) && unsigned.Status() == http.StatusUnauthorized:
		return http.StatusBadRequest, "not_forwardable" // it cannot be signed for the upstream
	case errors.As(err, &unsigned):
		return unsigned.Status(), unsigned.Code()
	case isTimeout(err) || errors.Is(err, errStalled):
		return http.StatusGatewayTimeout, "upstream_timeout"
	}
	return http.StatusBadGateway, "upstream"
}

// brokeOff says why an answer was not sent to its end.
func (d *decision) brokeOff() {
	switch {
	case d.writeFailure != nil:
		d.Reason, d.Detail = "client_gone", d.writeFailure.Error()
	case errors.Is(d.readFailure, context.Canceled):
		d.Reason, d.Detail = "client_gone", d.readFailure.Error()
	case d.readFailure != nil:
		d.Reason, d.Detail, d.Failed = "upstream_broke_off", d.readFailure.Error(), true
	default:
		d.Reason, d.Failed = "broke_off", true
	}
}

// loggedPath is the path as it was on the wire. The query may hold what is no
// one's business.
func loggedPath(r *http.Request) string {
	if path, _, ok := wire.Target(r); ok {
		return path
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return path
}

// answer is what goes to the client: it has the request's id, and what became of
// it is remembered for the log.
type answer struct {
	http.ResponseWriter
	decision *decision
	status   int
	informs  bool // the client knows the statuses below 200
}

func (a *answer) WriteHeader(status int) {
	if 100 <= status && status < 200 && status != http.StatusSwitchingProtocols {
		if a.informs {
			a.ResponseWriter.WriteHeader(status)
		}
		return
	}
	a.status = status
	a.Header().Set(requestIDHeader, a.decision.RequestID)
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	n, err := a.ResponseWriter.Write(p)
	if err != nil {
		a.decision.writeFailure = err
	}
	return n, err
}

// Hijack opens the tunnel that the request asked for.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	t := a.decision.tunnel
	if t == nil {
		return nil, nil, http.ErrNotSupported
	}
	if err := t.proxy.startTunnel(); err != nil {
		return nil, nil, err
	}
	conn, buffered, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err != nil {
		t.proxy.tunnels.open.Done()
		return nil, nil, err
	}
	a.status = http.StatusSwitchingProtocols
	a.Header().Set(requestIDHeader, a.decision.RequestID)
	t.open(conn, buffered.Reader)
	return t, buffered, nil
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
