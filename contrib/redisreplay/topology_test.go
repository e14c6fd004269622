//go:build unix

package redisreplay

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/redisreplay/redistest"
)

// The store finds the master that the sentinel made, and what a replica had
// confirmed is not forgotten.
func TestSentinelFailover(t *testing.T) {
	master := redistest.Start(t)
	replica := master.Replica()
	sentinel := redistest.Sentinel(t, "main", master)
	sentinel.WaitFor("knows the replica", func() bool {
		return strings.Contains(sentinel.Do("SENTINEL", "REPLICAS", "main"), replica.Addr()[len("127.0.0.1:"):])
	})
	stores := []*Store{
		open(t, sentinel.URL()+"?master_set=main", WithTimeout(time.Second), WithReplicas(1)),
		open(t, sentinel.URL()+"?master_set=main", WithTimeout(limit)),
	}
	for n := range 20 {
		was, err := seen(stores[0], n)
		require.NoError(t, err)
		require.False(t, was)
	}
	master.Kill()
	start := time.Now()
	_, err := seen(stores[1], -1)
	require.Error(t, err)
	require.Eventually(t, func() bool {
		role, _ := replica.Try("ROLE") // the sentinel ends connections meanwhile
		return strings.HasPrefix(role, "master")
	}, hangGuard, 5*time.Millisecond)
	promoted := time.Since(start)
	again := serving(t, stores[1], 100)
	t.Logf("promoted after %v, serving again %v later", promoted, again)
	require.NoError(t, stores[1].Ready(t.Context()))
	for n := range 20 {
		was, err := seen(stores[1], n)
		require.NoError(t, err)
		require.True(t, was, "a confirmed request was forgotten")
	}
	_, err = seen(stores[0], 101)
	require.Error(t, err, "there is no replica any more")

	// The old master comes back, for some seconds as a master, and nobody asks it.
	master.Restart()
	was, err := seen(stores[1], 0)
	require.NoError(t, err)
	require.True(t, was)
}

func TestCluster(t *testing.T) {
	nodes := redistest.Cluster(t, 3)
	a := open(t, nodes[0].URL())
	b, err := New(t.Context(), rueidis.ClientOption{InitAddress: []string{nodes[1].Addr(), nodes[2].Addr()}}, WithTimeout(hangGuard))
	require.NoError(t, err)
	defer b.Close()
	for round := range 100 {
		fresh, failed := race([]*Store{a, b}, 16, round)
		require.Equal(t, 1, fresh)
		require.Zero(t, failed)
	}
	for _, node := range nodes {
		require.NotEqual(t, "0", node.Do("DBSIZE"), "all went to others")
	}
	// A slot moves: MOVED is followed, with what was recorded.
	key := id(1)
	name := "hmacsign:" + string(key[:])
	slot := nodes[0].Do("CLUSTER", "KEYSLOT", name)
	i := slices.IndexFunc(nodes, func(n *redistest.Server) bool { return n.Do("CLUSTER", "COUNTKEYSINSLOT", slot) != "0" })
	from, to := nodes[i], nodes[(i+1)%3]
	fromID, toID := from.Do("CLUSTER", "MYID"), to.Do("CLUSTER", "MYID")
	to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", fromID)
	from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
	from.Do("MIGRATE", "127.0.0.1", portOf(to), name, "0", "5000")
	was, err := seen(a, 1) // ASK
	require.NoError(t, err)
	require.True(t, was, "the record was lost on the way")
	for _, node := range []*redistest.Server{to, from} {
		node.Do("CLUSTER", "SETSLOT", slot, "NODE", toID)
	}
	was, err = seen(b, 1) // MOVED
	require.NoError(t, err)
	require.True(t, was, "the record was lost on the way")

	// A policy on one of the nodes is enough.
	nodes[2].Do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	require.ErrorContains(t, a.Ready(t.Context()), fmt.Sprintf("the Redis at %s: with maxmemory-policy", nodes[2].Addr()))
	_, err = Open(t.Context(), nodes[0].URL())
	require.ErrorContains(t, err, "allkeys-lru")
	nodes[2].Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
	require.NoError(t, a.Ready(t.Context()))

	// A node that is gone fails its own requests; nothing passes.
	nodes[2].Kill()
	failed := 0
	for n := range 100 {
		was, err := seen(a, n)
		if err != nil {
			failed++
			continue
		}
		require.True(t, was)
	}
	require.Positive(t, failed)
}

// With replicas asked for, the record and the wait go to the same node: what one
// node records passes only when that node has a replica.
func TestClusterWithReplicas(t *testing.T) {
	nodes := redistest.Cluster(t, 3)
	s := open(t, nodes[0].URL(), WithReplicas(1), WithTimeout(500*time.Millisecond))
	_, err := seen(s, 1)
	require.ErrorContains(t, err, "0 of 1 replicas confirmed")
	replica := redistest.Start(t, "--cluster-enabled", "yes", "--cluster-port", freePort(t), "--cluster-node-timeout", "1000")
	replica.Join(nodes[0])
	passed := 0
	for n := 100; n < 108 || passed == 0 && n < 150; n++ {
		key := id(n)
		_, notThere := nodes[0].Try("GET", "hmacsign:"+string(key[:])) // MOVED
		was, err := seen(s, n)
		if err != nil {
			continue
		}
		require.NoError(t, notThere, "a node without a replica confirmed")
		require.False(t, was)
		was, err = seen(s, n)
		require.NoError(t, err)
		require.True(t, was)
		passed++
	}
	require.Positive(t, passed)
}
