package redisreplay

import (
	"bufio"
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMessagesInPieces(t *testing.T) {
	stream := "+OK\r\n$-1\r\n*-1\r\n_\r\n#t\r\n:12\r\n$0\r\n\r\n$3\r\na\r\n\r\n*2\r\n$1\r\na\r\n*1\r\n%1\r\n+k\r\n~0\r\n%0\r\n>2\r\n+message\r\n$1\r\nx\r\n-ERR no\r\n"
	for size := 1; size <= len(stream); size++ {
		var m messages
		answers := 0
		for rest := stream; rest != ""; {
			piece := rest[:min(size, len(rest))]
			rest = rest[len(piece):]
			n, err := m.read([]byte(piece))
			require.NoError(t, err)
			answers += n
		}
		require.Equal(t, 11, answers)
		require.True(t, m.pushed)
		require.Empty(t, m.parts)
	}
}

func FuzzMessages(f *testing.F) {
	for _, seed := range []string{"+OK\r\n", "$3\r\nabc\r\n", "*2\r\n:1\r\n_\r\n", "%1\r\n+a\r\n#f\r\n", ">1\r\n+a\r\n", "$?\r\n", "*1000000000\r\n", strings.Repeat("*1\r\n", 20)} {
		f.Add([]byte(seed), uint16(1))
	}
	f.Fuzz(func(t *testing.T, stream []byte, at uint16) {
		var whole, halves messages
		n, err := whole.read(stream)
		cut := int(at) % (len(stream) + 1)
		first, firstErr := halves.read(stream[:cut])
		second, secondErr := 0, firstErr
		if firstErr == nil {
			second, secondErr = halves.read(stream[cut:])
		}
		require.Equal(t, err, secondErr)
		require.Equal(t, n, first+second, "the pieces matter")
		require.LessOrEqual(t, len(whole.parts), maxDepth)
		require.LessOrEqual(t, whole.bulk, int64(maxBulk+2))
		if err == nil && n > 0 { // each answer takes three bytes or more
			require.LessOrEqual(t, 3*n, len(stream))
		}
	})
}

func FuzzInfo(f *testing.F) {
	f.Add("# Memory\r\nmaxmemory_policy:noeviction\r\nx:y\r\n", "7.0.15")
	f.Add("maxmemory_policy:", "v7")
	f.Fuzz(func(t *testing.T, info, version string) {
		policy := infoField(info, "maxmemory_policy")
		require.NotContains(t, policy, "\n")
		if policy != "" {
			require.Contains(t, info, "maxmemory_policy:"+policy)
		}
		if isRecent(version) {
			require.NotEmpty(t, version)
			require.NotEqual(t, byte('-'), version[0])
		}
		s := Store{secrets: []string{"secret"}}
		text := s.explain(bytesError(info)).Error()
		require.NotContains(t, text, "secret")
		require.NotContains(t, text, "\n")
		lines := bufio.NewScanner(bytes.NewReader([]byte(text)))
		lines.Buffer(nil, 1<<20)
		require.True(t, lines.Scan())
	})
}

type bytesError string

func (e bytesError) Error() string { return string(e) }

// What nothing asked or subscribed to ends the connection.
func TestUnaskedMessages(t *testing.T) {
	for _, c := range []struct {
		text       string
		subscribes bool
		want       error
	}{
		{"+OK\r\n", false, errUnasked},
		{">2\r\n+message\r\n+x\r\n", false, errPushed},
		{">2\r\n+message\r\n+x\r\n", true, nil},
	} {
		here, there := net.Pipe()
		go there.Write([]byte(c.text))
		_, err := (&checkedConn{Conn: here, subscribes: c.subscribes}).Read(make([]byte, 100))
		require.ErrorIs(t, err, c.want, c.text)
		here.Close()
		there.Close()
	}
}
