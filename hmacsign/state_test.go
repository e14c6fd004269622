package hmacsign_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	. "github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
)

// oddKeys is a key store that fails in each way.
type oddKeys struct{ KeyStore }

func (o oddKeys) Key(ctx context.Context, id string) (*Key, error) {
	switch id {
	case "panics":
		panic("key store")
	case "fails":
		return nil, errors.New("down")
	case "nil":
		return nil, nil
	case "fresh":
		return &Key{ID: id, Secret: Secret(testSecret)}, nil
	}
	return o.KeyStore.Key(ctx, id)
}

// broken is a body that breaks off at its end.
type broken struct{ io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = errors.New("cut")
	}
	return n, err
}

// Nothing of a request reaches another: whatever else is verified at the time, each
// verdict is that of a verifier that has seen no other request, and each body is whole.
func TestRequestsAreApart(t *testing.T) {
	verifierOf := func() *Verifier {
		keys, err := StaticKeys(&Key{ID: "one", Secret: Secret(testSecret)}, &Key{ID: "two", Secret: Secret(testSecret + "x"), Previous: Secret(testSecret)},
			&Key{ID: "pair", Secret: Secret(testSecret), Schemes: []string{"tencent-keypair"}}, &Key{ID: "scoped", Secret: Secret(testSecret), Scopes: []string{"region/service"}})
		require.NoError(t, err)
		budget, _ := NewBudget(1<<30, 1<<30)
		v, err := NewVerifier(oddKeys{keys}, atTestTime(), WithExplanations(), WithBudget(budget), WithMaxBody(1<<20), AcceptSchemes(TencentApp, TencentKeyPair, HuaweiSDK, beside{}))
		require.NoError(t, err)
		return v
	}
	der := derived(t, "region", "service").(huaweisdk.Scheme)
	type sent struct {
		what string
		make func() *http.Request
	}
	var all []sent
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewSource(seed))
	in := []Scheme{TencentApp, TencentKeyPair, HuaweiSDK, der, tencentapp.Scheme{Query: tencentapp.Raw}, tencentapp.Scheme{Query: tencentapp.Decoded}}
	for len(all) < 150 {
		s := in[rnd.Intn(len(in))]
		algs := s.Algorithms()
		id := []string{"one", "one", "two", "pair", "scoped", "panics", "fails", "nil", "fresh", "nobody"}[rnd.Intn(10)]
		alg := algs[rnd.Intn(len(algs))]
		secret := testSecret
		if id == "two" && rnd.Intn(2) == 0 {
			secret += "x"
		}
		opts := []SignerOption{atTestTime()}
		if rnd.Intn(4) == 0 {
			opts = []SignerOption{WithClock(func() time.Time { return testTime.Add(-3 * time.Hour) })}
		}
		if rnd.Intn(3) == 0 {
			opts = append(opts, WithSignedHeaders("source", "x-a", "x-b", "x-c", "x-d"))
		}
		signer, err := NewSigner(s, alg, Credential{id, Secret(secret)}, opts...)
		require.NoError(t, err)
		method := []string{"GET", "POST", "PUT"}[rnd.Intn(3)]
		target := "http://h" + []string{"/", "/release/a", "/a%20b/%41", "/x"}[rnd.Intn(4)] + []string{"", "?a=1", "?b=%41&a=2&a=1", "?c=" + strings.Repeat("%41", rnd.Intn(3000)), "?" + strings.Repeat("k=v&", rnd.Intn(2000))}[rnd.Intn(5)]
		body := ""
		if method != "GET" {
			body = []string{"", "a=1&b=%41", `{"a":1}`, strings.Repeat("z", rnd.Intn(200_000)), strings.Repeat("q=1&", rnd.Intn(30000)), strings.Repeat("é", rnd.Intn(20000))}[rnd.Intn(6)]
		}
		ct := []string{"", "application/x-www-form-urlencoded", "application/json"}[rnd.Intn(3)]
		req := newRequest(t, method, target, body)
		if ct != "" {
			req.Header.Set("Content-Type", ct)
		}
		for _, h := range []string{"Source", "X-A", "X-B", "X-C", "X-D"} {
			req.Header.Set(h, h+"v")
		}
		if _, ok := s.(huaweisdk.Scheme); ok && rnd.Intn(3) == 0 {
			req.Header.Set("X-Sdk-Content-Sha256", "UNSIGNED-PAYLOAD")
		}
		if signer.Sign(req) != nil {
			continue
		}
		header := req.Header.Clone()
		sentBody := body
		cut := false
		change := rnd.Intn(14)
		switch change {
		case 0:
			header.Set("Accept", "x/y")
		case 1:
			sentBody += "x"
		case 2:
			header.Del("Authorization")
		case 3:
			header.Set("Authorization", header.Get("Authorization")[:len(header.Get("Authorization"))-3])
		case 4:
			header["Authorization"] = []string{"a", "b"}
		case 5:
			cut = s != TencentKeyPair // which does not read it, unless another scheme was tried before
		case 6:
			header.Set("X-Beside", "one")
		case 7:
			header.Set("X-Beside", "panics")
		case 8:
			target += "&z=1"
		}
		chunked := rnd.Intn(2) == 0
		m, tg := method, target
		all = append(all, sent{fmt.Sprint(s.Name(), " ", alg, " ", id, " ", method, " change ", change, " of ", len(sentBody)), func() *http.Request {
			var r io.Reader
			if sentBody != "" {
				r = strings.NewReader(sentBody)
				if cut {
					r = broken{r}
				}
				if chunked {
					r = io.MultiReader(r)
				}
			}
			req, err := http.NewRequest(m, tg, r)
			if err != nil {
				panic(err)
			}
			req.Header = header.Clone()
			return req
		}})
	}
	verdictOf := func(v *Verifier, r sent) (said string) {
		req := r.make()
		want, _ := io.ReadAll(orNone(r.make().Body))
		defer func() {
			if p := recover(); p != nil {
				said = fmt.Sprint("panic ", p)
			}
			left, _ := io.ReadAll(orNone(req.Body))
			if !bytes.Equal(left, want) {
				said += fmt.Sprintf(" BODY %d %d", len(left), len(want))
			}
			if req.Body != nil {
				req.Body.Close()
			}
		}()
		id, err := v.Verify(req)
		if err == nil {
			return fmt.Sprintf("%+v", *id)
		}
		var e *VerifyError
		errors.As(err, &e)
		said = fmt.Sprintf("%v|%s|%s|%s|%x", err, e.Scheme, e.KeyID, e.Algorithm, e.StringToSign)
		if x := e.Explanation; x != nil {
			said += fmt.Sprintf("|%v|%v", x.Mistakes(), x.Pieces())
			if x.Late != nil {
				said += fmt.Sprintf("|late %v %v", x.Late.Accepted, x.Late.Refusal)
				if x.Late.Refusal != nil && x.Late.Refusal.Explanation != nil {
					said += fmt.Sprint(x.Late.Refusal.Explanation.Mistakes())
				}
			}
		}
		return said
	}
	alone := make([]string, len(all))
	for i, r := range all {
		alone[i] = verdictOf(verifierOf(), r)
	}
	shared := verifierOf()
	var group sync.WaitGroup
	for seed := range 4 {
		group.Go(func() {
			for _, i := range rand.New(rand.NewSource(int64(seed))).Perm(2 * len(all)) {
				i %= len(all)
				assert.Equal(t, alone[i], verdictOf(shared, all[i]), all[i].what)
			}
		})
	}
	group.Wait()
}
