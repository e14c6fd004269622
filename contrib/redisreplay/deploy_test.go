//go:build unix

package redisreplay

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/gmhmac/hmacsign/contrib/redisreplay/redistest"
)

// The configuration in deploy/ and the README's user are enough for the store, and
// for nothing else.
func TestDeployedRedis(t *testing.T) {
	const password = "a-password-of-the-test"
	users, err := os.ReadFile("deploy/users.acl")
	require.NoError(t, err)
	users = bytes.ReplaceAll(users, []byte("HASH"), fmt.Appendf(nil, "%x", sha256.Sum256([]byte(password))))
	file := filepath.Join(t.TempDir(), "users.acl")
	require.NoError(t, os.WriteFile(file, users, 0o600))
	redis := redistest.FromFile(t, "deploy/redis.conf", "--aclfile", file)

	_, err = Open(t.Context(), redis.URL())
	require.ErrorContains(t, err, "NOAUTH")
	_, err = Open(t.Context(), "redis://gateway:wrong@"+redis.Addr())
	require.ErrorContains(t, err, "WRONGPASS")
	url := "redis://gateway:" + password + "@" + redis.Addr()
	s := open(t, url)
	require.NoError(t, s.Ready(t.Context()))
	was, err := seen(s, 1)
	require.NoError(t, err)
	require.False(t, was)

	// After a crash all is there.
	redis.Restart()
	serving(t, s, 2)
	was, err = seen(s, 1)
	require.NoError(t, err)
	require.True(t, was, "forgotten with the restart")

	_, err = seen(open(t, url, WithPrefix("hmacsign:other:")), 1)
	require.NoError(t, err)
	other, err := Open(t.Context(), url, WithPrefix("other:"))
	require.NoError(t, err)
	defer other.Close()
	_, err = seen(other, 1)
	require.ErrorContains(t, err, "NOPERM")
	careful, err := Open(t.Context(), url, WithReplicas(1), WithTimeout(time.Second))
	require.NoError(t, err)
	defer careful.Close()
	_, err = seen(careful, 3)
	require.ErrorContains(t, err, "0 of 1 replicas", "it may not WAIT")
	// Of the store from before the restart some connections may still be those that ended.
	for _, command := range []string{"GET hmacsign:x", "DEL hmacsign:x", "FLUSHALL", "CONFIG SET maxmemory-policy allkeys-lru", "KEYS *", "EVAL return 0", "SAVE", "ACL LIST", "REPLICAOF NO ONE"} {
		build := other.client.B().Arbitrary(strings.Fields(command)...).Build()
		require.ErrorContains(t, other.client.Do(t.Context(), build).Error(), "NOPERM", command)
	}

	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	line := strings.TrimSpace(strings.Split(string(users), "\n")[1])
	_, rights, _ := strings.Cut(line, " ~")
	require.Contains(t, string(readme), "~"+rights, "the README has another user")
}

func TestCompose(t *testing.T) {
	text, err := os.ReadFile("deploy/compose.yaml")
	require.NoError(t, err)
	var compose struct {
		Services map[string]struct {
			Image       string
			Command     []string
			Restart     string
			Volumes     []string
			Networks    []string
			MemLimit    string `yaml:"mem_limit"`
			Healthcheck struct {
				Test              []string
				Interval, Timeout time.Duration
				Retries           int
			}
		}
		Volumes, Networks map[string]struct{}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&compose))
	redis := compose.Services["redis"]
	require.True(t, strings.HasPrefix(redis.Image, "redis:7."), "the version must take NX and GET together")
	for _, volume := range redis.Volumes {
		source, _, _ := strings.Cut(volume, ":")
		if strings.HasPrefix(source, "./") {
			require.FileExists(t, filepath.Join("deploy", source))
		} else {
			require.Contains(t, compose.Volumes, source)
		}
	}
	for _, network := range redis.Networks {
		require.Contains(t, compose.Networks, network)
	}
}
