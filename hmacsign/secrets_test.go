package hmacsign_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo"
	. "github.com/gmhmac/hmacsign/hmacsign"
)

// secretHolders is a value of every exported type that can hold a secret, or
// that leads to one that does.
func secretHolders(t *testing.T) map[string]any {
	secret := Secret(testSecret)
	own := WithBudget(newBudget(t, 1<<20, 0)) // what is printed must not be in use by other tests
	key := &Key{ID: testID, Secret: secret, Previous: secret}
	static, err := StaticKeys(key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(file, []byte(`[{"id": "`+testID+`", "secret": "`+testSecret+`"}]`), 0o600))
	followed, err := OpenKeys(file, nil)
	require.NoError(t, err)
	signer, err := NewSigner(derived(t, "r", "s"), algo.HMACSM3, Credential{testID, secret}, own, atTestTime())
	require.NoError(t, err)
	req := newRequest(t, "GET", "http://h/a", "")
	require.NoError(t, signer.Sign(req)) // a derived key is kept now
	verifier, err := NewVerifier(static, own, atTestTime(), WithExplanations())
	require.NoError(t, err)
	identity, err := verifier.Verify(req)
	require.NoError(t, err)
	_, err = verifier.Verify(signedGET(t, "http://h/a")) // and a keyed MAC
	require.NoError(t, err)
	other := newRequest(t, "GET", "http://h/b", "")
	other.Header = req.Header
	_, refused := verifier.Verify(other)
	require.Error(t, refused)
	credentials := KeyCredentials(static, testID)
	following, err := NewSigner(derived(t, "r", "s"), algo.HMACSM3, Credential{}, own, atTestTime(), WithCredentials(credentials))
	require.NoError(t, err)
	require.NoError(t, following.Sign(newRequest(t, "GET", "http://h/a", "")))
	holders := map[string]any{
		"SecretText": secret, "Credential": Credential{testID, secret}, "Key": key, "StaticKeys": static, "FileKeys": followed,
		"Signer": signer, "KeyCredentials": credentials, "Signer with a provider": following, "Verifier": verifier, "Identity": identity, "VerifyError": refused, "Transport": signer.Transport(nil), "Option": WithSignedHeaders("a"),
	}
	for _, algorithm := range algo.Algorithms() {
		for _, backend := range algo.Backends(algorithm) {
			if backend.Available {
				k, err := algo.NewKey(algorithm, []byte(testSecret), algo.WithBackend(backend.Backend))
				require.NoError(t, err)
				k.Sum(nil, nil)
				holders["algo.Key on "+backend.Backend+" of "+algorithm] = k
			}
		}
	}
	return holders
}

// A secret shows nowhere, however a value that holds one is printed or encoded:
// as it is, behind a pointer, in an unexported field, a slice, a map.
func TestSecretsDoNotShow(t *testing.T) {
	forms := []string{testSecret, hex.EncodeToString([]byte(testSecret)), strings.ToUpper(hex.EncodeToString([]byte(testSecret))),
		base64.StdEncoding.EncodeToString([]byte(testSecret)), fmt.Sprint([]byte(testSecret)), strings.Trim(fmt.Sprintf("%#v", []byte(testSecret)), "[]byte{}"), fmt.Sprintf("% x", testSecret), fmt.Sprintf("%08b", []byte(testSecret))}
	check := func(text, how string) {
		t.Helper()
		for _, form := range forms {
			if strings.Contains(text, form) {
				t.Errorf("%s shows the secret: %.200s", how, text)
			}
		}
	}
	type wrapped struct{ inside any }
	ways := 0
	for name, holder := range secretHolders(t) {
		for kind, value := range map[string]any{
			"": holder, "pointer to ": &holder, "field of ": wrapped{holder}, "pointer to field of ": &wrapped{holder}, "slice of ": []any{holder}, "map of ": map[string]any{"k": holder},
			"value behind ": elem(holder), "array of ": reflect.Append(reflect.MakeSlice(reflect.SliceOf(reflect.TypeOf(holder)), 0, 1), reflect.ValueOf(holder)).Interface(),
		} {
			for verb := 'A'; verb <= 'z'; verb++ {
				for _, flags := range []string{"", "+", "#", "- 08.300"} {
					check(fmt.Sprintf("%"+flags+string(verb), value), fmt.Sprintf("%%%s%c of %s%s", flags, verb, kind, name))
					ways++
				}
			}
			for encoder, encode := range map[string]func(*bytes.Buffer) error{
				"json": func(b *bytes.Buffer) error { return json.NewEncoder(b).Encode(value) },
				"xml":  func(b *bytes.Buffer) error { return xml.NewEncoder(b).Encode(value) },
				"gob":  func(b *bytes.Buffer) error { return gob.NewEncoder(b).Encode(value) },
				"slog text": func(b *bytes.Buffer) error {
					slog.New(slog.NewTextHandler(b, nil)).Info("m", "v", value)
					return nil
				},
				"slog json": func(b *bytes.Buffer) error {
					slog.New(slog.NewJSONHandler(b, nil)).Info("m", "v", value)
					return nil
				},
				"template": func(b *bytes.Buffer) error {
					return template.Must(template.New("").Parse("{{.}} {{printf `%s %p` . .}}")).Execute(b, value)
				},
			} {
				var b bytes.Buffer
				if err := encode(&b); err != nil {
					check(err.Error(), encoder+" of "+kind+name)
				}
				check(b.String(), encoder+" of "+kind+name)
				ways++
			}
		}
		var found []string
		reach(reflect.ValueOf(holder), map[uintptr]bool{}, name, func(path, text string) {
			if strings.Contains(text, testSecret) {
				found = append(found, path)
			}
		})
		require.Empty(t, found, "reflection finds the secret")
	}
	require.Greater(t, ways, 10_000)
	text, err := json.Marshal(Credential{testID, Secret(testSecret)})
	require.NoError(t, err)
	require.JSONEq(t, `{"KeyID": "test-key", "Secret": "[secret]"}`, string(text))
	require.Equal(t, "[secret]", fmt.Sprint(Secret(testSecret)))
	require.Equal(t, testSecret, Secret(testSecret).Reveal())
	require.Empty(t, SecretText{}.Reveal())
}

// elem is what a pointer points to, copied as a careless program would.
func elem(v any) any {
	if value := reflect.ValueOf(v); value.Kind() == reflect.Pointer {
		return value.Elem().Interface()
	}
	return v
}

// reach calls see with every text that reflection finds from v.
func reach(v reflect.Value, seen map[uintptr]bool, path string, see func(path, text string)) {
	switch v.Kind() {
	case reflect.String:
		see(path, v.String())
	case reflect.Pointer:
		if !v.IsNil() && !seen[v.Pointer()] {
			seen[v.Pointer()] = true
			reach(v.Elem(), seen, path, see)
		}
	case reflect.Interface:
		if !v.IsNil() {
			reach(v.Elem(), seen, path, see)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			reach(v.Field(i), seen, path+"."+v.Type().Field(i).Name, see)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			text := make([]byte, v.Len())
			for i := range text {
				text[i] = byte(v.Index(i).Uint())
			}
			see(path, string(text))
			return
		}
		for i := range v.Len() {
			reach(v.Index(i), seen, fmt.Sprintf("%s[%d]", path, i), see)
		}
	case reflect.Map:
		for m := v.MapRange(); m.Next(); {
			reach(m.Key(), seen, path+" key", see)
			reach(m.Value(), seen, path+"[]", see)
		}
	}
}

// Every exported type is either tried above or holds no secret.
func TestEveryTypeIsKnownToHoldSecretsOrNot(t *testing.T) {
	known := strings.Fields("SecretText Credential CredentialProvider Key FileKeys Signer Verifier Identity VerifyError KeyStore SignerOption VerifierOption Option " +
		// Words, settings, bodies of the caller, and what is recorded as a hash.
		"WireRequest HeaderField Signing ForwardAuthOptions Answer Scheme Explanation Late Difference Mistake Part Budget ReplayStore MemoryReplayStore")
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.IsExported() {
				require.Contains(t, known, spec.Name.Name)
			}
			return true
		})
	}
}

// A store of somebody else's making gets the key id and gives nothing away.
func TestSecretsOfOtherStores(t *testing.T) {
	store := storeFunc(func(context.Context, string) (*Key, error) {
		return &Key{ID: testID, Secret: Secret(testSecret)}, nil
	})
	v, err := NewVerifier(store, WithBudget(newBudget(t, 1<<20, 0)), atTestTime())
	require.NoError(t, err)
	_, err = v.Verify(signedGET(t, "http://h/a"))
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%+v %#v %v", v, v, store), testSecret)
}
