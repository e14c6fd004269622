package sqlkeys_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/gmhmac/hmacsign/contrib/sqlkeys"
	"github.com/gmhmac/hmacsign/contrib/sqlkeys/sqltest"
)

// The compose file has no member that compose does not know, names what is there,
// and each secret that the service uses.
func TestCompose(t *testing.T) {
	var compose struct {
		Services map[string]struct {
			Image       string
			Environment map[string]string
			Secrets     []string
			Volumes     []string
			Ports       []string
			Healthcheck struct {
				Test     []string
				Interval string
			}
			Restart string
		}
		Secrets map[string]struct{ File string }
		Volumes map[string]struct{}
	}
	file, err := os.Open("deploy/compose.yaml")
	require.NoError(t, err)
	defer file.Close()
	d := yaml.NewDecoder(file)
	d.KnownFields(true)
	require.NoError(t, d.Decode(&compose))
	service := compose.Services["postgres"]
	require.NotContains(t, service.Image, "/", "no registry's host")
	for _, volume := range service.Volumes {
		source, _, _ := strings.Cut(volume, ":")
		if !strings.HasPrefix(source, ".") {
			require.Contains(t, compose.Volumes, source)
			continue
		}
		_, err := os.Stat(filepath.Join("deploy", source))
		require.NoError(t, err)
	}
	require.Len(t, compose.Secrets, len(service.Secrets))
	for _, name := range service.Secrets {
		require.Equal(t, "./passwords/"+name, compose.Secrets[name].File)
	}
	require.Equal(t, "/run/secrets/postgres", service.Environment["POSTGRES_PASSWORD_FILE"])
	for _, port := range service.Ports {
		require.True(t, strings.HasPrefix(port, "127.0.0.1:"), "not open to the network")
	}
}

// The script that the compose file runs makes users with the least rights: the
// reader's are enough for a store, and the admin's to change keys.
func TestRoles(t *testing.T) {
	server := sqltest.Postgres(t)
	if _, err := exec.LookPath("psql"); err != nil {
		t.Skip("needs psql (apt-get install postgresql-client)")
	}
	here, err := os.Getwd()
	require.NoError(t, err)
	passwords := t.TempDir()
	for _, user := range []string{"reader", "admin"} {
		require.NoError(t, os.WriteFile(filepath.Join(passwords, user), []byte("it's "+user+"\n"), 0o600))
	}
	init := exec.Command("deploy/init.sh")
	init.Env = append(os.Environ(), "POSTGRES_USER=tester", "POSTGRES_DB="+server.DSN(), "HMACSIGN_DIR="+here, "HMACSIGN_PASSWORDS="+passwords)
	out, err := init.CombinedOutput()
	require.NoError(t, err, "%s", out)

	reader := open(t, "pgx", server.As("hmacsign_reader", `it\'s reader`))
	admin := open(t, "pgx", server.As("hmacsign_admin", `it\'s admin`))
	told := make(reports, 10)
	s := openStore(t, reader, told.option())
	execute(t, admin, `INSERT INTO hmacsign_keys (id, secret) VALUES ('a', 'one')`)
	require.NoError(t, told.next(t))
	execute(t, admin, `UPDATE hmacsign_keys SET previous_secret = secret, secret = 'two' WHERE id = 'a'`)
	require.NoError(t, told.next(t))
	require.Equal(t, "two", key(t, s, "a").Secret.Reveal())
	writer := open(t, "pgx", server.As("hmacsign_reader", `it\'s reader`))
	writer.SetMaxOpenConns(1)
	execute(t, writer, `SET default_transaction_read_only = off`) // which anyone may: the rights count
	for _, refused := range []string{`DELETE FROM hmacsign_keys`, `UPDATE hmacsign_revision SET revision = 1`, `CREATE TABLE t (n integer)`} {
		_, err := writer.Exec(refused)
		require.ErrorContains(t, err, "42501", refused)
	}
	for _, refused := range []string{`UPDATE hmacsign_revision SET revision = 1`, `DELETE FROM hmacsign_revision`, `TRUNCATE hmacsign_keys`, `ALTER TABLE hmacsign_keys DISABLE TRIGGER ALL`} {
		_, err := admin.Exec(refused)
		require.ErrorContains(t, err, "42501", refused)
	}
	execute(t, admin, `DELETE FROM hmacsign_keys`)
	require.NoError(t, told.next(t))
	require.Zero(t, s.Len())
	_, err = sqlkeys.Open(context.Background(), admin)
	require.ErrorContains(t, err, "42501", "the admin cannot ask for the revision")
	require.NotContains(t, fmt.Sprint(err), "it's")
}
