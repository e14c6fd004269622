package hmacsign
import ("testing";"time")
func TestZZMem(t *testing.T) {
	store, _ := StaticKeys(&Key{ID: "k", Secret: Secret("secret"), Previous: Secret("former")})
	for _, ex := range []bool{false,true} {
	opts := []VerifierOption{AcceptSchemes(TencentApp), WithClock(func() time.Time { return limitTime })}
	if ex { opts = append(opts, WithExplanations()) }
	v, _ := NewVerifier(store, opts...)
	for _, n := range []string{"encoded names","a form","a small request","distinct names"} {
		req := hostiles[n].request(t, TencentApp)
		e, g := explanationOf(t, v, req)
		println(ex, n, g, e.spent)
	}}
}
func TestZZProf(t *testing.T) {
	store, _ := StaticKeys(&Key{ID: "k", Secret: Secret("secret"), Previous: Secret("former")})
	v, _ := NewVerifier(store, AcceptSchemes(TencentApp), WithClock(func() time.Time { return limitTime }), WithExplanations())
	for range 100 { explanationOf(t, v, hostiles["encoded names"].request(t, TencentApp)) }
}
