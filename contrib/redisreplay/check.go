package redisreplay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/redis/rueidis"
)

// unfitError is about a Redis that answers, but must not be used as it is.
type unfitError string

func (e *unfitError) Error() string { return string(*e) }

func unfit(format string, args ...any) error {
	e := unfitError(fmt.Sprintf(format, args...))
	return &e
}

// watch checks now and then: a Redis can be set otherwise while it runs, and the
// one that takes its place may be from the start.
func (s *Store) watch(ctx context.Context) {
	defer close(s.stopped)
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.check(ctx) // it keeps what it finds
		}
	}
}

// check asks all nodes. Of a cluster, those that cannot be reached are passed over
// as long as one can: requests that would be theirs fail by themselves.
func (s *Store) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	nodes := s.client.Nodes()
	found := make(chan error, len(nodes))
	for address, node := range nodes {
		go func() {
			_, err := within(ctx, func() (struct{}, error) { return struct{}{}, s.checkNode(ctx, node) }, func(struct{}) {})
			if err != nil {
				err = fmt.Errorf("the Redis at %s: %w", address, err)
			}
			found <- err
		}()
	}
	answered, lost := false, error(nil)
	for range nodes {
		var wrong *unfitError
		switch err := <-found; {
		case errors.As(err, &wrong):
			e := unfitError(err.Error())
			s.unfit.Store(&e)
			return &e
		case err != nil:
			lost = err
		default:
			answered = true
		}
	}
	if !answered {
		return cmp.Or(lost, errors.New("no node of Redis is known"))
	}
	s.unfit.Store(nil)
	return nil
}

func (s *Store) checkNode(ctx context.Context, node rueidis.Client) error {
	hello, err := node.Do(ctx, node.B().Arbitrary("HELLO").Build()).AsMap()
	if e, ok := rueidis.IsRedisErr(err); ok && strings.Contains(e.Error(), "unknown command") {
		return unfit("it is too old: use Redis 7.0 or newer, or Valkey")
	} else if err != nil {
		return err
	}
	version, role := hello["version"], hello["role"]
	if text, _ := version.ToString(); !isRecent(text) {
		return unfit("version %.20q is too old: use Redis 7.0 or newer, or Valkey", text)
	}
	if text, _ := role.ToString(); text != "master" && s.client.Mode() != rueidis.ClientModeCluster {
		// Not unfit for good: a failover makes a master of a replica, and back.
		return fmt.Errorf("it is a %.20q: give the master's address, or those of the sentinels and master_set", text)
	}
	if s.allowEviction {
		return nil
	}
	policy, err := evictionPolicy(ctx, node)
	if err != nil {
		return err
	}
	if policy != "noeviction" {
		return unfit("with maxmemory-policy %.40q it can forget requests: set noeviction, or accept that with AllowEviction", policy)
	}
	return nil
}

// isRecent reports whether a version is one where SET takes NX and GET together.
func isRecent(version string) bool {
	major, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(major)
	return err == nil && n >= 7
}

// evictionPolicy asks for the configuration or, where that is forbidden, as it is
// where Redis is somebody else's service, for the state.
func evictionPolicy(ctx context.Context, node rueidis.Client) (string, error) {
	config, err := node.Do(ctx, node.B().ConfigGet().Parameter("maxmemory-policy").Build()).AsMap()
	if value, ok := config["maxmemory-policy"]; ok && err == nil {
		return value.ToString()
	}
	if isBroken(err) {
		return "", err
	}
	info, err := node.Do(ctx, node.B().Info().Section("memory").Build()).ToString()
	if isBroken(err) {
		return "", err
	}
	if policy := infoField(info, "maxmemory_policy"); policy != "" {
		return policy, nil
	}
	return "", unfit("it tells no maxmemory-policy: allow CONFIG GET or INFO (ACL: +config|get), or accept that it may forget requests with AllowEviction")
}

// infoField is a field of an answer to INFO, or nothing.
func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimRight(value, "\r\n")
		}
	}
	return ""
}

// maxWords is how much of what a driver or Redis says is told.
const maxWords = 300

// explain makes an error of this package of what a driver or Redis said, which may
// repeat what it was sent: in one line and without passwords.
func (s *Store) explain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("redisreplay: no answer from Redis in time: %w", context.DeadlineExceeded)
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("redisreplay: given up before Redis answered: %w", context.Canceled)
	}
	text, _, _ := strings.Cut(err.Error(), ", with args") // Redis' words on a command that it does not know
	for _, secret := range s.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxWords {
		text = strings.ToValidUTF8(text[:maxWords], "") + "..."
	}
	return errors.New("redisreplay: " + text)
}
