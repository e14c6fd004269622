package hmacsign

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// An Answer is the HTTP response that a client gets whose request is refused.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Answer is what [Verifier.Middleware] sends to a client that is refused, for whoever
// answers without it: a JSON object whose message is in the vendor's words and whose
// reason is [VerifyError.Code].
func (v *Verifier) Answer(e *VerifyError) Answer {
	v.ready()
	spoken := v.speaking(e)
	message := spoken.Answer(&e.Refusal)
	if v.echo && e.StringToSign != "" {
		message += ", Server StringToSign:" + strings.ReplaceAll(e.StringToSign, "\n", "#")
	}
	a := Answer{Status: e.Status(), Header: http.Header{"Content-Type": {"application/json"}}}
	if a.Status == http.StatusUnauthorized {
		a.Header.Set("WWW-Authenticate", spoken.Challenge()) // RFC 9110 section 11.6.1
	}
	if e.Reason == ErrBusy {
		a.Header.Set("Retry-After", "1")
	}
	var body bytes.Buffer
	text := json.NewEncoder(&body)
	text.SetEscapeHTML(false) // an ampersand is to be read
	text.Encode(struct {
		Message string `json:"message"`
		Reason  string `json:"reason"`
	}{message, e.Code()})
	a.Body = body.Bytes()
	a.Header.Set("Content-Length", strconv.Itoa(len(a.Body)))
	return a
}

// speaking is the scheme whose words suit the answer: the one that the request is of,
// as far as that is known, or the first.
func (v *Verifier) speaking(e *VerifyError) Scheme {
	if e.spoken != nil {
		return e.spoken
	}
	for _, d := range v.schemes {
		if d.name == e.Scheme {
			return d.Scheme
		}
	}
	return v.schemes[0].Scheme
}

// answer refuses a request of the middleware.
func (v *Verifier) answer(w http.ResponseWriter, req *http.Request, e *VerifyError) {
	if v.refuse != nil {
		v.refuse(w, req, e)
		return
	}
	a := v.Answer(e)
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.Status)
	w.Write(a.Body)
}
