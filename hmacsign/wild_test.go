package hmacsign_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
)

// codes are the mistakes that name a fault of testdata/wild, see the README
// there. A fault without any need not be named.
var codes = func() (all map[string][]string) {
	data, err := os.ReadFile("testdata/wild/codes.json")
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil {
		panic(err)
	}
	return all
}()

// wildCase is a request as a vendor's client sent it, and what must come of it.
type wildCase struct {
	Raw    []byte    `json:"raw"`
	Date   time.Time `json:"date"`
	Expect string    `json:"expect"`
	Why    string    `json:"why"`
	Name   string    `json:"name"`
}

// faults are the client's, without the tolerated forms in parentheses.
func (c *wildCase) faults() []string {
	faults, _, _ := strings.Cut(c.Why, " (")
	return strings.Split(faults, "+")
}

// nameable reports whether the verdict should name a fault.
func (c *wildCase) nameable() bool {
	return slices.ContainsFunc(c.faults(), func(fault string) bool { return len(codes[fault]) > 0 })
}

// names reports whether one of the mistakes is one of the faults.
func (c *wildCase) names(mistakes []string) bool {
	return slices.ContainsFunc(c.faults(), func(fault string) bool {
		return slices.ContainsFunc(mistakes, func(code string) bool { return slices.Contains(codes[fault], code) })
	})
}

// verify is the verdict of a verifier with its default settings. What stands
// behind the declared length stays behind the body, as on a connection.
func (c *wildCase) verify(t *testing.T, keys KeyStore) error {
	v, err := NewVerifier(keys, WithExplanations(), WithClock(func() time.Time { return c.Date }))
	require.NoError(t, err)
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.Raw)))
	if err != nil {
		return err
	}
	_, err = v.Verify(req)
	return err
}

// mistakesIn are the codes that a verdict names.
func mistakesIn(err error) (named []string) {
	var refused *VerifyError
	if !errors.As(err, &refused) || refused.Explanation == nil {
		return nil
	}
	for _, m := range refused.Explanation.Mistakes() {
		if m.Code != "" {
			named = append(named, m.Code)
		}
	}
	return named
}

// wildCount is a line of the table.
type wildCount struct {
	requests, accept, accepted, refuse, refused int // of those to accept or refuse, as many were
	nameable, named, wrong                      int // of the refused
}

func (n *wildCount) add(o wildCount) {
	n.requests += o.requests
	n.accept += o.accept
	n.accepted += o.accepted
	n.refuse += o.refuse
	n.refused += o.refused
	n.nameable += o.nameable
	n.named += o.named
	n.wrong += o.wrong
}

// count adds what the verdict on a request is, and tells what is amiss: an error
// where the outcome is another, or the mistake; a remark where none is named.
func (n *wildCount) count(c *wildCase, verdict error) (fault, remark string) {
	mistakes := mistakesIn(verdict)
	said := fmt.Sprintf("%v %q", verdict, mistakes)
	n.requests++
	if c.Expect == "accept" {
		if n.accept++; verdict != nil {
			return "refused: " + said, ""
		}
		n.accepted++
		return "", ""
	}
	n.refuse++
	if c.nameable() {
		n.nameable++
	}
	if verdict == nil {
		return "accepted", ""
	}
	n.refused++
	switch {
	case c.names(mistakes):
		n.named++
	case len(mistakes) > 0:
		n.wrong++
		return "wrong mistake: " + said, ""
	case c.nameable():
		return "", "not named: " + said
	}
	return "", ""
}

func readWild(t testing.TB, path string) (cases []*wildCase) {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	for d := json.NewDecoder(z); ; {
		c := new(wildCase)
		if err := d.Decode(c); err == io.EOF {
			return cases
		} else {
			require.NoError(t, err)
		}
		require.Contains(t, []string{"accept", "refuse"}, c.Expect)
		cases = append(cases, c)
	}
}

// What vendors' own clients sent is accepted or refused as it must be, and where
// the client is at fault the verdict says how.
func TestWildRequests(t *testing.T) {
	keys, err := StaticKeys(&Key{ID: "AKIDinterop", Secret: Secret("interop-secret-0123456789")})
	require.NoError(t, err)
	files, err := filepath.Glob("testdata/wild/*.jsonl.gz")
	require.NoError(t, err)

	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "client\trequests\taccepted\trefused\tnamed\twrong\t")
	row := func(client string, n wildCount) {
		fmt.Fprintf(w, "%s\t%d\t%d/%d\t%d/%d\t%d/%d\t%d\t\n", client, n.requests, n.accepted, n.accept, n.refused, n.refuse, n.named, n.nameable, n.wrong)
	}
	var all wildCount
	ran := 0
	for _, path := range files {
		client := strings.TrimSuffix(filepath.Base(path), ".jsonl.gz")
		t.Run(client, func(t *testing.T) {
			var n wildCount
			var faults, remarks []string
			for i, c := range readWild(t, path) {
				if c.Expect == "refuse" {
					for _, fault := range c.faults() {
						require.Contains(t, codes, fault)
					}
				}
				fault, remark := n.count(c, c.verify(t, keys))
				where := fmt.Sprintf("%d, %s: ", i, strings.TrimSpace(c.Why+" "+c.Name))
				if fault != "" {
					faults = append(faults, where+fault)
				}
				if remark != "" {
					remarks = append(remarks, where+remark)
				}
			}
			row(client, n)
			all.add(n)
			ran++
			if len(remarks) > 0 {
				t.Log(firstFew(remarks))
			}
			if len(faults) > 0 {
				t.Error(firstFew(faults))
			}
		})
	}
	row("all", all)
	w.Flush()
	t.Log("\n" + table.String())

	if ran < len(files) {
		return // -run chose some
	}
	require.Equal(t, 1167, all.requests, "testdata/wild is not whole")
	if all.wrong > 0 {
		t.Errorf("%d wrong diagnoses: a wrong one is worse than none", all.wrong)
	}
	if 100*all.named < 95*all.nameable {
		t.Errorf("of %d refused requests only %d are named: 95 of 100 must be", all.nameable, all.named)
	}
}

// firstFew is a list of at most five.
func firstFew(lines []string) string {
	const few = 5
	if more := len(lines) - few; more > 0 {
		lines = append(lines[:few:few], fmt.Sprintf("and %d more", more))
	}
	return "\n" + strings.Join(lines, "\n")
}
