package redisreplay_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/gmhmac/hmacsign/contrib/redisreplay"
)

func ExampleOpen() {
	// Elsewhere: hmacsign.NewVerifier(keys, hmacsign.WithReplayGuard(store)).
	_, err := redisreplay.Open(context.Background(), "redis://gateway:a secret@redis:6379", redisreplay.WithReplicas(1))
	fmt.Println(err)

	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("not today"))
	_, err = redisreplay.Open(ctx, "redis://gateway:secret@127.0.0.1:6379")
	fmt.Println(errors.Is(err, context.Canceled))
	// Output:
	// redisreplay: this is no URL of a Redis: write redis://user:password@host:6379/0, rediss:// for TLS, or unix:///path/to/socket, with the password's special characters as %XX
	// true
}
