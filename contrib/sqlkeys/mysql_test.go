package sqlkeys_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/contrib/sqlkeys"
	"github.com/gmhmac/hmacsign/hmacsign"
)

// mariadb starts a MariaDB that ends with the test, and gives its socket.
func mariadb(t *testing.T) (socket string) {
	t.Helper()
	var programs []string
	for _, name := range []string{"mariadb-install-db", "mariadbd", "my_print_defaults"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("needs %s (apt-get install mariadb-server-core mariadb-client-core)", name)
		}
		programs = append(programs, path)
	}
	install, server := programs[0], programs[1]
	dir, err := os.MkdirTemp("/tmp", "sqlkeys") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	common := []string{"--no-defaults", "--datadir=" + filepath.Join(dir, "data")}
	if os.Geteuid() == 0 {
		common = append(common, "--user=root")
	}
	out, err := exec.Command(install, append(common, "--auth-root-authentication-method=normal", "--skip-test-db")...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	socket = filepath.Join(dir, "s")
	cmd := exec.Command(server, append(common, "--socket="+socket, "--skip-networking", "--pid-file="+filepath.Join(dir, "pid"), "--innodb-buffer-pool-size=8M", "--innodb-flush-log-at-trx-commit=0")...)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return socket
}

func mysqlDB(t *testing.T, socket, user, password string) *sql.DB {
	t.Helper()
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User, config.Passwd, config.DBName, config.MultiStatements = "unix", socket, user, password, "mysql", true
	config.Logger = &mysql.NopLogger{}
	return open(t, "mysql", config.FormatDSN())
}

// The schema and the store on MariaDB: every column, ids byte by byte, rotation,
// revocation, what the schema refuses, and errors without the DSN.
func TestMariaDB(t *testing.T) {
	socket := mariadb(t)
	db := mysqlDB(t, socket, "root", "")
	eventually(t, "MariaDB is ready", func() bool { return db.Ping() == nil })
	execute(t, db, "CREATE DATABASE gateway")
	db.SetMaxOpenConns(1)
	execute(t, db, "USE gateway; "+schemaOf(t, "mysql"))

	execute(t, db, `INSERT INTO hmacsign_keys VALUES ('full', 'secret', 'before', '["tencent-app"]', '["hmac-sm3"]', '["r/s"]')`)
	execute(t, db, `INSERT INTO hmacsign_keys (id, secret) VALUES ('app', 'lower'), ('APP', 'upper')`)
	s := openStore(t, db)
	k := key(t, s, "full")
	require.Equal(t, []string{"secret", "before"}, []string{k.Secret.Reveal(), k.Previous.Reveal()})
	require.Equal(t, [][]string{{"tencent-app"}, {"hmac-sm3"}, {"r/s"}}, [][]string{k.Schemes, k.Algorithms, k.Scopes})
	require.Equal(t, "lower", key(t, s, "app").Secret.Reveal())
	require.Equal(t, "upper", key(t, s, "APP").Secret.Reveal())
	execute(t, db, `UPDATE hmacsign_keys SET previous_secret = secret, secret = 'new' WHERE id = 'app'`)
	eventually(t, "rotated", func() bool { return key(t, s, "app").Secret.Reveal() == "new" })
	require.Equal(t, "lower", key(t, s, "app").Previous.Reveal())
	require.Same(t, k, key(t, s, "full"))
	execute(t, db, `DELETE FROM hmacsign_keys WHERE id = 'APP'`)
	eventually(t, "revoked", func() bool { return errOf(s, "APP") == hmacsign.ErrUnknownKey })
	require.Equal(t, 2, s.Len())

	for name, row := range map[string]string{
		"id empty": `'', 'x', NULL, NULL`, "id there": `'app', 'x', NULL, NULL`, "secret NULL": `'c', NULL, NULL, NULL`, "secret empty": `'c', '', NULL, NULL`,
		"previous empty": `'c', 'x', '', NULL`, "list empty": `'c', 'x', NULL, '[]'`, "list null": `'c', 'x', NULL, 'null'`,
		"list an object": `'c', 'x', NULL, '{"a": 1}'`, "list no JSON": `'c', 'x', NULL, 'x'`,
	} {
		_, err := db.Exec(`INSERT INTO hmacsign_keys VALUES (` + row + `, NULL, NULL)`)
		require.Error(t, err, name)
	}
	execute(t, db, `INSERT INTO hmacsign_keys VALUES ('c', 'x', 'y', '["tencent-app"]', NULL, NULL)`)

	execute(t, db, `CREATE USER hushuser@localhost IDENTIFIED BY 'right'`)
	for password, want := range map[string]string{"hushhush": "the server refuses the user (SQLSTATE 28000)", "right": "SQLSTATE 42000"} {
		_, err := sqlkeys.Open(context.Background(), mysqlDB(t, socket, "hushuser", password))
		require.ErrorContains(t, err, want)
		require.NotContains(t, fmt.Sprint(err), "hush")
	}
	_, err := sqlkeys.Open(context.Background(), db, sqlkeys.WithQueries(strings.Replace(sqlkeys.KeysQuery, "hmacsign_keys", "hush", 1), sqlkeys.RevisionQuery))
	require.ErrorContains(t, err, "there is no such table: run the file of the folder schema that is for this database (SQLSTATE 42S02)")
	require.NotContains(t, err.Error(), "hush")
}
