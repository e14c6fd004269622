package tabs_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign/scheme"
	"github.com/gmhmac/hmacsign/internal/page/tabs"
	"github.com/gmhmac/hmacsign/internal/page/tabs/cases"
)

const root = "../../.."

var then = time.Date(2021, 3, 11, 8, 29, 58, 0, time.UTC)

func desk() *tabs.Desk { return tabs.New(func() time.Time { return then }) }

// call gives a desk its input as the page does.
func call[Out any](t testing.TB, name string, in any) (out Out) {
	t.Helper()
	input, err := json.Marshal(in)
	require.NoError(t, err)
	answer := desk().Call(name, input)
	require.NoError(t, json.Unmarshal(answer, &out), string(answer))
	return out
}

// A vector signed in the page is the vector.
func TestVectors(t *testing.T) {
	vectors, err := cases.Vectors(root)
	require.NoError(t, err)
	require.Len(t, vectors, 36+22+4+6+24)
	for _, v := range vectors {
		out := call[tabs.Signed](t, "sign", v.In)
		require.Empty(t, out.Error, v.Name)
		require.Equal(t, v.Want.StringToSign, out.StringToSign, v.Name)
		require.Equal(t, v.Want.CanonicalRequest, out.CanonicalRequest, v.Name)
		if v.Want.Authorization != "" {
			require.Contains(t, out.Headers, "Authorization: "+v.Want.Authorization+"\n", v.Name)
			require.Contains(t, v.Want.Authorization, out.Signature)
		}
		// What came out is accepted, as raw HTTP and as a curl command.
		for _, text := range []string{out.HTTP, out.Curl} {
			in := tabs.CheckInput{Request: text, Secret: v.In.Secret, Date: v.In.Date}
			verdict := call[tabs.Verdict](t, "check", in)
			require.True(t, verdict.Accepted, "%s: %+v", v.Name, verdict)
			require.False(t, verdict.Late)
			require.Equal(t, out.StringToSign, verdict.StringToSign, v.Name)
			require.Equal(t, out.CanonicalRequest, verdict.CanonicalRequest, v.Name)
			require.Equal(t, []string{v.In.Scheme, v.In.Algorithm, v.In.KeyID}, []string{verdict.Scheme, verdict.Algorithm, verdict.KeyID})
			in.Secret += "x"
			require.False(t, call[tabs.Verdict](t, "check", in).Accepted)
		}
	}
}

// Every mistake that can be named is, in each language.
func TestMistakesAreNamed(t *testing.T) {
	all, err := cases.Mistakes(root)
	require.NoError(t, err)
	named := map[string]bool{}
	for _, c := range all {
		var texts []string
		for _, lang := range scheme.Languages() {
			c.In.Lang = lang
			v := call[tabs.Verdict](t, "check", c.In)
			require.NoError(t, c.Want.Meets(v), "%s: %s", c.Name, c.In.Request)
			for _, m := range v.Mistakes {
				named[m.Code] = true
				require.NotEmpty(t, m.Text)
				require.NotContains(t, m.Text, m.Code+" ")
				texts = append(texts, m.Text)
			}
		}
		for _, text := range texts[:len(texts)/2] {
			require.NotContains(t, texts[len(texts)/2:], text, "one text in two languages")
		}
	}
	require.Len(t, named, 87)
}

// What vendors' clients sent is accepted or refused as it must be, and its fault is named.
func TestWild(t *testing.T) {
	all, err := cases.Wild(root)
	require.NoError(t, err)
	forms, unnamed := map[string]int{}, 0
	for _, c := range all {
		v := call[tabs.Verdict](t, "check", c.In)
		want := c.Want
		forms[c.Name[strings.LastIndex(c.Name, " ")+1:]]++
		if len(want.AnyOf) > 0 && len(v.Mistakes) == 0 {
			unnamed++
			want.AnyOf = nil
		}
		require.NoError(t, want.Meets(v), "%s: %s", c.Name, c.In.Request)
		if v.Accepted {
			require.NotEmpty(t, v.StringToSign)
			require.Equal(t, v.Scheme == "huawei-sdk", v.CanonicalRequest != "")
		}
	}
	require.Equal(t, map[string]int{"raw": 1122, "HAR": 1155}, forms)
	require.LessOrEqual(t, unnamed, len(all)/100, "a busy machine may leave some unnamed")
}
