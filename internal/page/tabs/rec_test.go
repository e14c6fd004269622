package tabs

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"
	"fmt"
)

func TestRec(t *testing.T) {
	f, _ := os.Open("/tmp/rec.jsonl")
	defer f.Close()
	type rec struct {
		Codes  []string `json:"codes"`
		Scheme string   `json:"scheme"`
		Date   string   `json:"date"`
		Secret string   `json:"secret"`
		Raw    string   `json:"raw"`
	}
	best := map[string]rec{}
	missed := map[string]string{}
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<24)
	for sc.Scan() {
		var r rec
		if json.Unmarshal(sc.Bytes(), &r) != nil {
			t.Fatal()
		}
		key := r.Scheme + " " + strings.Join(r.Codes, "+")
		v := desk().Check(CheckInput{Request: r.Raw, Secret: r.Secret, Date: r.Date})
		var got []string
		for _, m := range v.Mistakes {
			got = append(got, m.Code)
		}
		if !slices.Equal(got, r.Codes) {
			missed[key] = fmt.Sprintf("%q %v %s %v", got, v.Accepted, v.Text, v.Error)
			continue
		}
		if b, ok := best[key]; !ok || len(b.Raw) > len(r.Raw) {
			best[key] = r
		}
	}
	var keys []string
	for k := range best {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	codes := map[string]bool{}
	out, _ := os.Create("/tmp/mistakes.jsonl")
	for _, k := range keys {
		for _, c := range best[k].Codes {
			codes[c] = true
		}
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.Encode(best[k])
	}
	for k, m := range missed {
		if _, ok := best[k]; !ok {
			t.Log("MISSED", k, m)
		}
	}
	data, _ := os.ReadFile("../../../hmacsign/scheme/texts/en.json")
	on := false
	for _, line := range strings.Split(string(data), "\n") {
		p := strings.SplitN(line, `"`, 4)
		if len(p) < 4 {
			continue
		}
		if p[1] == "newline_at_end" {
			on = true
		}
		if on && !codes[p[1]] && strings.Contains(line, `."`) {
			t.Log("NOT COVERED", line)
		}
	}
	t.Log(len(keys), len(codes))
}
