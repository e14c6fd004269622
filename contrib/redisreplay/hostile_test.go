//go:build unix

package redisreplay

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeRedis answers what a script says to each command; a nil script or answer
// says nothing.
func fakeRedis(t testing.TB, script func(command []string) []byte) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for command := readCommand(r); command != nil; command = readCommand(r) {
					if _, err := conn.Write(script(command)); err != nil {
						return
					}
				}
			}()
		}
	}()
	return "redis://" + l.Addr().String()
}

func readCommand(r *bufio.Reader) []string {
	number := func() int {
		line, err := r.ReadString('\n')
		if err != nil || len(line) < 3 {
			return -1
		}
		n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
		if err != nil {
			return -1
		}
		return n
	}
	n := number()
	if n < 1 {
		return nil
	}
	command := make([]string, n)
	for i := range command {
		text := make([]byte, number()+2)
		if _, err := io.ReadFull(r, text); err != nil {
			return nil
		}
		command[i] = string(text[:len(text)-2])
	}
	return command
}

// greet is a Redis as it should be, for all but SET.
func greet(command []string) []byte {
	switch strings.ToUpper(command[0]) {
	case "HELLO":
		return []byte("%4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n$5\r\nproto\r\n:3\r\n$4\r\nrole\r\n$6\r\nmaster\r\n")
	case "CLUSTER":
		return []byte("-ERR This instance has cluster support disabled\r\n")
	case "CONFIG":
		return []byte("%1\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n")
	case "PING":
		return []byte("+PONG\r\n")
	}
	return []byte("-ERR unknown\r\n")
}

// Nothing that comes instead of an answer to SET lets a request pass, or ends the
// process.
func TestWrongAnswers(t *testing.T) {
	nested := strings.Repeat("*1\r\n", 100_000)
	for _, answer := range []string{
		"+OK\r\n", "+\r\n", ":0\r\n", ":1\r\n", "*0\r\n", "*-2\r\n", "$0\r\n\r\n", "$3\r\nabc\r\n", "#t\r\n", "#f\r\n", "%0\r\n", "~0\r\n", ",1.5\r\n", "(1\r\n",
		"-ERR no\r\n", "-MOVED 1 127.0.0.1:1\r\n", "-ASK 1 127.0.0.1:1\r\n", "-LOADING\r\n", "-READONLY no\r\n", "-\r\n", "!5\r\nwrong\r\n",
		"", "\r\n", "\n", "x\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "\x15\x03\x01\x00\x02\x02\x46", "$", "$5\r\nab", "$-1\n", "_x\r\n", "_\n\r\n", "#x\r\n",
		"$9223372036854775807\r\n", "$99999999999999999999\r\n", "$-2\r\n", "*9223372036854775807\r\n", "*1000000000\r\n", "%-1\r\n", "%4611686018427387905\r\n", "$?\r\n", "*?\r\n", ";4\r\n",
		"|1\r\n+a\r\n+b\r\n_\r\n", ">2\r\n+message\r\n+x\r\n", ">3\r\n+subscribe\r\n+x\r\n:1\r\n", ">-1\r\n", ".\r\n", nested, "+" + strings.Repeat("a", 1<<20) + "\r\n",
		"_\r\n_\r\n", "_\r\n+more\r\n", "$12\r\nabcdefghijklXX", "*2\r\n_\r\n_\r\n", "*1\r\n$-1\r\n",
	} {
		url := fakeRedis(t, func(command []string) []byte {
			if command[0] == "SET" {
				return []byte(answer)
			}
			return greet(command)
		})
		s, err := Open(t.Context(), url, WithTimeout(50*time.Millisecond))
		require.NoError(t, err)
		name := fmt.Sprintf("%.40q", answer)
		passed := 0
		for n := range 8 { // at once and one after the other, which the driver does differently
			was, err := seen(s, n)
			if err == nil && !was {
				passed++
			}
		}
		results := make(chan bool)
		for n := range 8 {
			go func() {
				was, err := seen(s, n)
				results <- err == nil && !was
			}()
		}
		for range 8 {
			if <-results {
				passed++
			}
		}
		// What is a null, with something behind it, is one all the same.
		if !strings.HasPrefix(answer, "_\r\n") {
			require.Zero(t, passed, name)
		}
		s.Close()
	}
	url := fakeRedis(t, func(command []string) []byte {
		if command[0] == "SET" {
			return []byte("_\r\n")
		}
		return greet(command)
	})
	was, err := seen(open(t, url), 1)
	require.NoError(t, err)
	require.False(t, was, "an honest answer must pass")
}

// Nothing but a number of replicas that is enough lets a request pass that replicas
// must have.
func TestWrongAnswersToWait(t *testing.T) {
	for answer, passes := range map[string]bool{":1\r\n": true, ":2\r\n": true, ":0\r\n": false, ":-1\r\n": false, "-NOPERM no\r\n": false, "_\r\n": false, "+OK\r\n": false, "*0\r\n": false, "x\r\n": false, "": false} {
		s, err := Open(t.Context(), fakeRedis(t, func(command []string) []byte {
			switch command[0] {
			case "SET":
				return []byte("_\r\n")
			case "WAIT":
				return []byte(answer)
			}
			return greet(command)
		}), WithTimeout(50*time.Millisecond), WithReplicas(1))
		require.NoError(t, err)
		was, err := seen(s, 1)
		require.Equal(t, passes, err == nil, "%q", answer)
		require.False(t, was)
		s.Close()
	}

	// Our own token is no record of ours where nothing was sent twice.
	parrot := fakeRedis(t, func(command []string) []byte {
		switch command[0] {
		case "SET":
			return fmt.Appendf(nil, "$%d\r\n%s\r\n", len(command[2]), command[2])
		case "WAIT":
			return []byte(":0\r\n")
		}
		return greet(command)
	})
	_, err := seen(open(t, parrot, WithReplicas(1)), 1)
	require.ErrorContains(t, err, "none of this store's")
}

// Wrong answers to what is asked at the start are errors.
func TestWrongGreetings(t *testing.T) {
	for _, which := range []string{"HELLO", "CLUSTER", "CONFIG"} {
		for _, answer := range []string{"", "x\r\n", "+OK\r\n", ":7\r\n", "*0\r\n", "*1\r\n+a\r\n", "%1\r\n+version\r\n:7\r\n", "%1\r\n:1\r\n:2\r\n", "$-1\r\n", "$9223372036854775807\r\n",
			"*1\r\n*3\r\n:0\r\n:16383\r\n*0\r\n", "*1\r\n*2\r\n:0\r\n:1\r\n", "*1\r\n_\r\n", "-NOPERM no\r\n", "-ERR unknown command 'HELLO', with args beginning with: 'x'\r\n",
			"_\r\n_\r\n_\r\n", "%1\r\n+maxmemory-policy\r\n*1\r\n+noeviction\r\n", "%1\r\n$16\r\nmaxmemory-policy\r\n:1\r\n"} {
			url := fakeRedis(t, func(command []string) []byte {
				if strings.ToUpper(command[0]) == which {
					return []byte(answer)
				}
				return greet(command)
			})
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			s, err := Open(ctx, url, WithTimeout(50*time.Millisecond))
			cancel()
			if which == "CLUSTER" && strings.HasPrefix(answer, "-NOPERM") {
				continue
			}
			if err == nil {
				s.Close()
			}
			require.Error(t, err, "%s: %q", which, answer)
		}
	}
	s, err := Open(t.Context(), fakeRedis(t, greet))
	require.NoError(t, err)
	s.Close()
}

func TestOldVersions(t *testing.T) {
	for version, fine := range map[string]bool{"6.2.14": false, "7.0.0": true, "7.2.4": true, "8.0.1": true, "10.0": true, "": false, "x": false, "-7": false, "255.255.255": true, "99999999999999999999": false} {
		require.Equal(t, fine, isRecent(version), version)
		url := fakeRedis(t, func(command []string) []byte {
			if command[0] == "HELLO" {
				return fmt.Appendf(nil, "%%3\r\n+version\r\n$%d\r\n%s\r\n+proto\r\n:3\r\n+role\r\n+master\r\n", len(version), version)
			}
			return greet(command)
		})
		s, err := Open(t.Context(), url)
		if fine {
			require.NoError(t, err, version)
			s.Close()
		} else {
			require.ErrorContains(t, err, "use Redis 7.0 or newer", version)
		}
	}
}

// An answer that comes when nobody waits for it any more is not the next one's.
func TestLateAnswers(t *testing.T) {
	const slow = 60 * time.Millisecond
	url := fakeRedis(t, func(command []string) []byte {
		if command[0] != "SET" {
			return greet(command)
		}
		if strings.HasSuffix(command[1], "late"+strings.Repeat("\x00", 8)) {
			time.Sleep(slow)
			return []byte("_\r\n") // not seen, but too late
		}
		return fmt.Appendf(nil, "$12\r\n%s\r\n", "another one!")
	})
	s := open(t, url, WithTimeout(slow/3))
	late := [16]byte{'t', 'e', 's', 't', 'l', 'a', 't', 'e'}
	for range 5 {
		_, err := s.Seen(t.Context(), late, now, now.Add(time.Minute))
		require.Error(t, err)
		for range 6 {
			was, err := seen(s, 1)
			require.True(t, was || err != nil, "the late answer was taken for this one's")
			time.Sleep(slow / 4)
		}
	}
}

// Nothing that a URL or Redis says brings a password into an error.
func TestNoPasswordInErrors(t *testing.T) {
	const password = "pa55word-of-the-test"
	echo := fakeRedis(t, func(command []string) []byte {
		return fmt.Appendf(nil, "-ERR unknown command '%s', with args beginning with: '%s'\r\n", command[0], strings.Join(command[1:], "' '"))
	})
	parrot := fakeRedis(t, func(command []string) []byte {
		return fmt.Appendf(nil, "-WRONGPASS %s\t\x1b[31m%s\r\n", strings.Join(command, " "), strings.Repeat("long ", 1000))
	})
	nothing := "redis://127.0.0.1:" + freePort(t)
	for _, url := range []string{
		"redis://:" + password + "@" + strings.TrimPrefix(echo, "redis://"),
		"redis://user:" + password + "@" + strings.TrimPrefix(parrot, "redis://"),
		"redis://:" + password + "@" + strings.TrimPrefix(nothing, "redis://"),
		"redis://:" + password + "@host:port", "redis://:" + password + "%zz@host", "redis://host/" + password, "redis://host/0/" + password, "http://:" + password + "@host",
		password, "redis://:" + password + "@127.0.0.1:1?dial_timeout=" + password, "redis://:" + password + "@[::1", "", "redis://:\x00" + password + "@h",
	} {
		_, err := Open(t.Context(), url, WithTimeout(50*time.Millisecond))
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), password, url)
		require.True(t, strings.HasPrefix(err.Error(), "redisreplay: "), err.Error())
		require.NotContains(t, err.Error(), "\n")
		require.NotContains(t, err.Error(), "\x1b")
		require.Less(t, len(err.Error()), 400)
	}
}

func BenchmarkWire(b *testing.B) {
	var m messages
	piece := []byte(strings.Repeat("$12\r\nabcdefghijkl\r\n_\r\n", 50))
	b.SetBytes(int64(len(piece)))
	for b.Loop() {
		if n, err := m.read(piece); n != 100 || err != nil {
			b.Fatal(n, err)
		}
	}
}
