// Package gateway is hmacsign serve for more than one process and more than one
// upstream: a verifying reverse proxy that reads one configuration file, with keys from a
// database, a replay guard that several gateways share in Redis, routes of hosts and
// paths, and traces. What verifies and forwards is the command's own.
//
// The command hmacsign-gateway is all that most need of it. A program of one's own reads
// a [Config], opens it and runs the [Gateway].
package gateway
