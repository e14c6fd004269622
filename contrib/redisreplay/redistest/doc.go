// Package redistest starts real Redis servers on loopback for tests, stops them
// in the middle of a load, and makes them slow. It needs redis-server (6.0 or
// newer; Debian: apt-get install redis-server) and a Unix system; without one
// the test that asks for a server is skipped.
//
//	redis := redistest.Start(t, "--appendonly", "yes")
//	store, err := redisreplay.Open(ctx, redis.URL())
//	redis.Pause() // SIGSTOP
package redistest
