package algo

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/algo/sm3pure"
)

// The file is what its script computes with Python's hmac and OpenSSL, and what
// the portable implementations here compute.
func TestKnownAnswersFile(t *testing.T) {
	t.Run("Python", func(t *testing.T) {
		if exec.Command("python3", "-c", "import hashlib; hashlib.new('sm3')").Run() != nil {
			t.Skip("needs python3 with an OpenSSL that has SM3")
		}
		out, err := exec.Command("python3", "testdata/knownanswers.py").Output()
		require.NoError(t, err)
		require.True(t, string(out) == answerCRCs, "run: python3 testdata/knownanswers.py > knownanswers.bin")
	})
	t.Run("Go", func(t *testing.T) {
		var want []byte
		msg := answerMessage()
		for _, newHash := range []func() hash.Hash{sha1.New, sha256.New, sm3pure.New} {
			for n := 0; n <= maxAnswer+1; n++ {
				mac := hmac.New(newHash, msg[:answerKeySize])
				mac.Write(msg[:min(n, maxAnswer)])
				if n > maxAnswer {
					mac.Write(msg[maxAnswer:])
				}
				want = binary.BigEndian.AppendUint32(want, crc32.ChecksumIEEE(mac.Sum(nil)))
			}
		}
		require.True(t, string(want) == answerCRCs)
	})
}
