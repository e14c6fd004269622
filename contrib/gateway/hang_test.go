package gateway

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/redisreplay/redistest"
	"github.com/gmhmac/hmacsign/contrib/sqlkeys/sqltest"
)

// Stores that hang make requests wait for no longer than the limit, collect nothing, and
// keep the process from ending no longer than they may.
func TestStoresHang(t *testing.T) {
	redis, postgres := redistest.Start(t), sqltest.Postgres(t)
	db, err := sql.Open("pgx", postgres.DSN())
	require.NoError(t, err)
	defer db.Close()
	schema, err := os.ReadFile("../sqlkeys/schema/postgres.sql")
	require.NoError(t, err)
	_, err = db.Exec(string(schema))
	require.NoError(t, err)
	_, err = db.Exec("INSERT INTO hmacsign_keys (id, secret) VALUES ('test-key', $1)", []byte(testSecret))
	require.NoError(t, err)
	u := newUpstream(t)
	i := start(t, configOf(t, u.URL, fmt.Sprintf("sql: {driver: postgres, dsn: {file: %q}}", writeFile(t, "dsn", postgres.DSN())), redisAt(t, redis.URL(), "")))
	require.Equal(t, 200, newRequest(t, "GET", "before").send(i.url))

	redis.Pause()
	postgres.Pause()
	const copies = 1000
	idle := runtime.NumGoroutine()
	most, answered := atomic.Int64{}, atomic.Int64{}
	var all sync.WaitGroup
	for sender := range 100 {
		all.Go(func() {
			for n := range copies / 100 {
				if newRequest(t, "GET", fmt.Sprint(sender, "-", n)).send(i.url) == http.StatusServiceUnavailable {
					answered.Add(1)
				}
				most.Store(max(most.Load(), int64(runtime.NumGoroutine())))
			}
		})
	}
	all.Wait()
	t.Logf("%d requests while Redis hangs: %d goroutines before, %d at most", copies, idle, most.Load())
	require.EqualValues(t, copies, answered.Load())
	require.Less(t, most.Load(), int64(idle+2000))
	require.Eventually(t, func() bool { return runtime.NumGoroutine() < idle+300 }, 10*time.Second, 20*time.Millisecond, "goroutines stay")

	began := time.Now()
	require.NoError(t, i.stop())
	t.Logf("ended after %v", time.Since(began))
	require.Less(t, time.Since(began), 20*time.Second)
	redis.Resume()
	postgres.Resume()
}
