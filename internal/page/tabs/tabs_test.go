package tabs

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var then = time.Date(2021, 3, 11, 8, 29, 58, 0, time.UTC)

func desk() *Desk { return New(func() time.Time { return then }) }

func TestX(t *testing.T) {
	d := desk()
	s := d.Sign(SignInput{Method: "POST", URL: "https://h.example/release/a?b=2&a=1", Headers: "X-Date: old\nContent-Type: application/json", Body: `{"a":1}`, Scheme: "tencent-app", Algorithm: "hmac-sm3", KeyID: "id", Secret: "the secret"})
	t.Logf("%+v", s)
	require.Empty(t, s.Error)
	v := d.Check(CheckInput{Request: s.HTTP, Secret: "the secret", Own: strings.Replace(s.StringToSign, "POST", "post", 1)})
	t.Logf("%+v %+v", v, v.Own)
	require.True(t, v.Accepted)
	require.Equal(t, s.StringToSign, v.StringToSign)
	v = d.Check(CheckInput{Request: s.HTTP, Secret: "the secret", Date: "2023-03-11T08:29:58Z"})
	t.Logf("%+v %+v", v, v.Own)
	v = d.Check(CheckInput{Request: s.HTTP, Secret: "the secre", Own: s.StringToSign})
	t.Logf("%+v %+v", v, v.Own)
}
