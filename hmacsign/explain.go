package hmacsign

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

// An Explanation says why a signature does not match. It is found by making the
// known client mistakes with the request at hand: one, or several together, that
// reproduce the client's signature are what the client did. Nothing in it but the
// request's own text and what follows from it.
type Explanation struct {
	// Mistake is the first of Mistakes; its Code is empty if no known one explains
	// the refusal.
	Mistake Mistake
	// Client is the string that the client signed, if a mistake tells, and
	// Server the verifier's own (for huawei-sdk both are canonical requests).
	Client, Server string
	// Incomplete: the request is too long, or the time was too short, to try all
	// known mistakes on it.
	Incomplete bool
	// Late is there for a request that was refused for its date: what else it would
	// have been refused for.
	Late *Late

	mistakes []Mistake
	pieces   []string
	spent    int // bytes of work, see search.afford
}

// Late is the verdict on an expired request, had its date been right.
type Late struct {
	Date     time.Time    // the request's
	Accepted bool         // signature and body are right
	Refusal  *VerifyError // why not, if they are not
}

// A Mistake is one that clients of the gateways make.
type Mistake struct {
	Code string            // a stable word, such as "accept_not_signed"
	Text string            // what the client did, and what to do, in English
	Args map[string]string // what stands in the gaps of the text, by name
}

// In is the text in a language (see scheme.Languages).
func (m Mistake) In(lang string) string { return scheme.Text(lang, m.Code, m.Args) }

// Mistakes are all that the client made together, in the order of the scheme's list.
func (e *Explanation) Mistakes() []Mistake { return e.mistakes }

func (e *Explanation) found(all ...scheme.Found) {
	for _, f := range all {
		e.mistakes = append(e.mistakes, Mistake{f.Code, scheme.Text("en", f.Code, f.Args), f.Args})
	}
	if len(e.mistakes) > 0 {
		e.Mistake = e.mistakes[0]
	}
}

// A Difference is lines of what the client signed and of what the server expects in
// their place; either may be none.
type Difference struct{ Client, Server []string }

// Diff is where Client and Server differ, none if it is not known what the client
// signed.
func (e *Explanation) Diff() []Difference {
	if e.Client == "" || e.Client == e.Server {
		return nil
	}
	client, server := strings.Split(e.Client, "\n"), strings.Split(e.Server, "\n")
	for len(client) > 0 && len(server) > 0 && client[0] == server[0] {
		client, server = client[1:], server[1:]
	}
	for len(client) > 0 && len(server) > 0 && client[len(client)-1] == server[len(server)-1] {
		client, server = client[:len(client)-1], server[:len(server)-1]
	}
	if len(client) != len(server) {
		return []Difference{{client, server}}
	}
	var all []Difference
	for i := range client {
		if client[i] != server[i] {
			all = append(all, Difference{client[i : i+1], server[i : i+1]})
		}
	}
	return all
}

// Pieces names what differs between Client and Server, where a mistake tells: "method",
// "path", "parameters", "headers" (which of them, or their order), "header x-date" (one's
// value), "signed_headers" (the list), "body" (its digest), or another piece of the
// scheme's by its name, such as "accept". None where the pieces are the same and only
// put together in another way.
func (e *Explanation) Pieces() []string { return e.pieces }

// differing are the pieces in which two strings differ.
func differing(server, client *scheme.Parts) (names []string) {
	add := func(name string, same bool) {
		if !same {
			names = append(names, name)
		}
	}
	add("method", server.Method == client.Method)
	add("path", server.Path == client.Path)
	add("parameters", slices.Equal(server.Params, client.Params) && (server.Order == nil) == (client.Order == nil))
	named := func(a, b scheme.Line) bool { return a.Name == b.Name }
	if same := slices.EqualFunc(server.Headers, client.Headers, named); same {
		for i, line := range server.Headers {
			add("header "+line.Name, line == client.Headers[i])
		}
	} else {
		add("headers", false)
	}
	add("signed_headers", slices.Equal(server.Names, client.Names))
	for _, field := range server.Fields {
		add(field.Name, field.Value == client.Field(field.Name))
	}
	add("body", bytes.Equal(server.Digest, client.Digest))
	return names
}

// String is the explanation for a person, of several lines: the mistakes, and the
// lines in which the two strings differ.
func (e *Explanation) String() string { return e.In("en") }

// In is String in a language.
func (e *Explanation) In(lang string) string {
	var b strings.Builder
	for _, m := range e.mistakes {
		b.WriteString(scheme.Text(lang, "explain_mistake", scheme.Args("text", m.In(lang), "code", m.Code)) + "\n")
	}
	switch {
	case len(e.mistakes) > 0 || e.Late != nil:
	case e.Incomplete:
		b.WriteString(scheme.Text(lang, "explain_incomplete", nil) + "\n")
	default:
		b.WriteString(scheme.Text(lang, "explain_none", nil) + "\n")
	}
	switch late := e.Late; {
	case late == nil:
	case late.Accepted:
		b.WriteString(scheme.Text(lang, "explain_late_accepted", nil) + "\n")
	default:
		b.WriteString(scheme.Text(lang, "explain_late_refused", scheme.Args("reason", withoutName(late.Refusal.In(lang)))) + "\n")
		if late.Refusal.Explanation != nil {
			b.WriteString(late.Refusal.Explanation.In(lang))
		}
	}
	if diff := e.Diff(); diff != nil {
		b.WriteString(scheme.Text(lang, "explain_diff", nil) + "\n")
		for _, d := range diff {
			for _, line := range d.Client {
				fmt.Fprintf(&b, "- %q\n", line)
			}
			for _, line := range d.Server {
				fmt.Fprintf(&b, "+ %q\n", line)
			}
		}
	}
	return b.String()
}

// withoutName is an error's line where it is part of another.
func withoutName(line string) string { return strings.TrimPrefix(line, "hmacsign: ") }

// explainDate recognises local time that is sent as GMT: the date is then as far ahead
// as the clocks of a zone are. One that was sent as a number of seconds is of no zone.
func explainDate(result *Explanation, m *scheme.Message, date, now time.Time, window time.Duration) {
	ahead := date.Sub(now)
	zone := ahead.Round(15 * time.Minute)
	if isZone(zone) && (ahead-zone).Abs() <= time.Minute && zone.Abs() > window && !sentAsNumber(m, date) {
		result.found(scheme.Found{Code: "local_time", Args: scheme.Args("off", zone.String())})
	}
}

// oddZones are the offsets in use that are no whole hours, in minutes.
var oddZones = []time.Duration{-9*60 - 30, -3*60 - 30, -2*60 - 30, 3*60 + 30, 4*60 + 30, 5*60 + 30, 5*60 + 45, 6*60 + 30,
	8*60 + 45, 9*60 + 30, 10*60 + 30, 12*60 + 45, 13*60 + 45}

// isZone reports whether the clocks of a time zone are that far ahead of GMT.
func isZone(ahead time.Duration) bool {
	if ahead%time.Hour != 0 {
		return slices.Contains(oddZones, ahead/time.Minute)
	}
	return ahead != 0 && -12*time.Hour <= ahead && ahead <= 14*time.Hour
}

// sentAsNumber reports whether a header or the query has the date in seconds since
// 1970, or in a fraction of them.
func sentAsNumber(m *scheme.Message, date time.Time) bool {
	seconds := strconv.FormatInt(date.Unix(), 10)
	for _, values := range m.Header {
		if slices.ContainsFunc(values, func(value string) bool { return strings.Contains(value, seconds) }) {
			return true
		}
	}
	return strings.Contains(m.Query, seconds)
}
