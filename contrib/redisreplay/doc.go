// Package redisreplay is a [hmacsign.ReplayStore] that several verifiers share: on
// Redis, Valkey, Redis with Sentinel, or a cluster. A request that one gateway
// accepted is refused by all.
//
// The promise is at most once. Of all copies of a request, at all gateways that
// share the store, no more than one is accepted, whatever Redis does short of
// forgetting what it confirmed (see the README on failover, persistence and
// eviction, which are what makes it forget). It is not exactly once: a request
// whose record was made, but whose answer from Redis did not come within the time
// limit, is answered with 503, and its copies are replays from then on.
//
// Each request is one command, `SET key token NX GET PX ttl`. The token is new for
// each request, so that when a connection breaks the command can be sent once more:
// an answer with our own token says that the first try was carried out.
//
// Whatever goes wrong is an error, with which the verifier answers 503; no request
// passes unrecorded. Errors have no password in them.
package redisreplay
