package tabs

import (
	"encoding/json"
	"net/http"

	"github.com/gmhmac/hmacsign/hmacsign"
)

func (d *Desk) Call(name string, in []byte) []byte {
	req, err := http.NewRequest("GET", "https://a.example/", nil)
	var s SignInput
	json.Unmarshal(in, &s)
	signer, err := hmacsign.NewSigner(hmacsign.TencentKeyPair, "hmac-sm3", hmacsign.Credential{KeyID: "a", Secret: hmacsign.Secret(s.Secret + "x")})
	if err != nil {
		return []byte(`{"error":"x"}`)
	}
	_, err = signer.Explain(req)
	v, _ := hmacsign.NewVerifier(nil, hmacsign.WithExplanations())
	if v != nil {
		_, err = v.Verify(req)
	}
	out, _ := json.Marshal(Signed{StringToSign: req.Header.Get("Authorization")})
	return out
}
