package gateway

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// documents are those of a YAML file.
func documents(t *testing.T, path string) (all []map[string]any) {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for d := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var one map[string]any
		err := d.Decode(&one)
		if err == io.EOF {
			return all
		}
		require.NoError(t, err, path)
		all = append(all, one)
	}
}

// in follows names into a document.
func in(t *testing.T, value any, names ...any) any {
	for _, name := range names {
		switch n := name.(type) {
		case string:
			require.Contains(t, value, n)
			value = value.(map[string]any)[n]
		case int:
			value = value.([]any)[n]
		}
	}
	return value
}

// What a stranger starts from is read by the real readers, and what one file says of
// another holds.
func TestDeploy(t *testing.T) {
	file, err := os.Open("deploy/gateway.yaml")
	require.NoError(t, err)
	defer file.Close()
	c, err := ReadConfig(file)
	require.NoError(t, err)

	compose := documents(t, "deploy/compose.yaml")[0]
	secrets := in(t, compose, "secrets").(map[string]any)
	mounted := in(t, compose, "services", "gateway", "secrets").([]any)
	for _, path := range []string{c.Keys.SQL.DSN.File, c.Replay.Redis.URL.File} {
		name := strings.TrimPrefix(path, "/run/secrets/")
		require.Contains(t, secrets, name)
		require.Contains(t, mounted, name)
	}
	for _, service := range in(t, compose, "services").(map[string]any) {
		for _, secret := range listOf(service, "secrets") {
			require.Contains(t, secrets, secret)
		}
		for _, volume := range listOf(service, "volumes") {
			if host, _, _ := strings.Cut(volume.(string), ":"); strings.HasPrefix(host, ".") {
				_, err := os.Stat(filepath.Join("deploy", host))
				require.NoError(t, err, volume)
			}
		}
	}
	_, err = os.Stat(filepath.Join("deploy", in(t, compose, "services", "gateway", "build", "context").(string), in(t, compose, "services", "gateway", "build", "dockerfile").(string)))
	require.NoError(t, err)

	text, err := os.ReadFile("deploy/compose.yaml")
	require.NoError(t, err)
	commands, _, _ := strings.Cut(string(text), "services:")
	roles, err := os.ReadFile("../sqlkeys/deploy/roles.sql")
	require.NoError(t, err)
	require.Contains(t, commands, "postgres://hmacsign_reader:")
	require.Contains(t, string(roles), "CREATE ROLE hmacsign_reader ")
	for name := range secrets {
		require.Contains(t, commands, name, "its first lines do not say how to write it")
	}

	kinds := map[string]map[string]any{}
	for _, document := range documents(t, "deploy/kubernetes.yaml") {
		kinds[document["kind"].(string)] = document
	}
	require.Len(t, kinds, 4)
	c, err = ReadConfig(strings.NewReader(in(t, kinds["ConfigMap"], "data", "gateway.yaml").(string)))
	require.NoError(t, err)
	pod := in(t, kinds["Deployment"], "spec", "template", "spec")
	container := in(t, pod, "containers", 0)
	require.Equal(t, []any{"serve", "/etc/hmacsign/gateway.yaml"}, in(t, container, "args"))
	require.True(t, strings.HasPrefix(c.Replay.Redis.URL.File, in(t, container, "volumeMounts", 1, "mountPath").(string)))
	require.Greater(t, float64(in(t, pod, "terminationGracePeriodSeconds").(int)), c.Drain.Seconds()+30)
	require.Equal(t, in(t, kinds["Service"], "spec", "selector"), in(t, kinds["Deployment"], "spec", "selector", "matchLabels"))
}

func listOf(service any, name string) []any {
	list, _ := service.(map[string]any)[name].([]any)
	return list
}

// The balancer's configuration is one that nginx reads.
func TestDeployBalancer(t *testing.T) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("needs nginx (apt-get install nginx-light)")
	}
	text, err := os.ReadFile("deploy/balancer.conf")
	require.NoError(t, err)
	dir := t.TempDir()
	conf := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(conf, []byte("pid "+dir+"/pid; error_log "+dir+"/error.log;\nevents {}\nhttp {\naccess_log off; client_body_temp_path "+dir+"/b; proxy_temp_path "+dir+"/p; fastcgi_temp_path "+dir+"/f; uwsgi_temp_path "+dir+"/u; scgi_temp_path "+dir+"/s;\n"+
		strings.Replace(strings.Replace(string(text), "server gateway:8080", "server 127.0.0.1:8080", 1), "listen 80", "listen 127.0.0.1:18080", 1)+"}\n"), 0o600))
	out, err := exec.Command(nginx, "-t", "-p", dir, "-c", conf).CombinedOutput()
	require.NoError(t, err, string(out))
}
