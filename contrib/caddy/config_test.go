package hmacsigncaddy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddytest"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func directive(lines string) string {
	return ":80 {\n\thmacsign {\n" + lines + "\n\t}\n\trespond ok\n}"
}

func TestCaddyfile(t *testing.T) {
	config := adapted(t, directive(`
		keys /etc/caddy/keys.json
		schemes huawei-sdk tencent-app
		window 5m
		max_body 1MiB
		require_header host content-type
		replay_guard 1000
		explain
		identity_header X-Caller`))
	require.Contains(t, string(config), `{"explain":true,"handler":"hmacsign","identity_header":"X-Caller","keys_file":"/etc/caddy/keys.json","max_body":1048576,`+
		`"replay_guard":1000,"require_headers":["host","content-type"],"schemes":["huawei-sdk","tencent-app"],"window":300000000000}`)
	config = adapted(t, directive("keys k\nreplay_guard redis {env.REDIS_URL}"))
	require.Contains(t, string(config), `{"handler":"hmacsign","keys_file":"k","replay_redis":"{env.REDIS_URL}"}`)
}

func TestCaddyfileRefuses(t *testing.T) {
	for lines, why := range map[string]string{
		"":                                 "no keys file: name it with keys",
		"keys":                             "wrong argument count",
		"keys a b":                         "wrong argument count",
		`keys ""`:                          "keys: a value is empty",
		"keys a\nkeys b":                   "keys is there twice",
		"keys a\nkey b":                    "key: use keys, schemes",
		"keys a\nschemes":                  "wrong argument count",
		"keys a\nwindow 0s":                "window 0s: write a time above zero",
		"keys a\nwindow -1m":               "window -1m: write a time above zero",
		"keys a\nwindow soon":              "window soon: write a time",
		"keys a\nmax_body 0":               "max_body 0: write a size above zero",
		"keys a\nmax_body much":            "max_body much: write a size",
		"keys a\nmax_body 9EB":             "max_body 9EB: write a size",
		"keys a\nrequire_header":           "wrong argument count",
		"keys a\nreplay_guard":             "wrong argument count",
		"keys a\nreplay_guard 0":           "replay_guard 0: write the most requests",
		"keys a\nreplay_guard many":        "replay_guard many: write the most requests",
		"keys a\nreplay_guard 1 2":         "wrong argument count",
		"keys a\nexplain yes":              "wrong argument count",
		"keys a\nidentity_header":          "wrong argument count",
		"keys a\nreplay_guard redis\n":     "replay_guard redis: write the most",
		"keys a\nreplay_guard redis a b\n": "wrong argument count",
	} {
		_, _, err := adapt(directive(lines))
		require.ErrorContains(t, err, why, lines)
		require.NotContains(t, err.Error(), "\n", lines)
	}
	_, _, err := adapt(":80 {\n\thmacsign keys.json\n}")
	require.ErrorContains(t, err, "wrong argument count")
}

// The handler stands where it must, wherever the directive is written.
func TestOrder(t *testing.T) {
	config := string(adapted(t, `:80 {
		respond ok
		request_header X-A b
		basic_auth {
			bob $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG
		}
		rewrite * /b
		hmacsign {
			keys a
		}
		request_body {
			max_size 1MB
		}
	}`))
	at := -1
	for _, handler := range []string{`"request_body"`, `"rewrite"`, `"hmacsign"`, `"authentication"`, `"headers"`, `"static_response"`} {
		next := strings.Index(config, `"handler":`+handler)
		require.Greater(t, next, at, "%s in %s", handler, config)
		at = next
	}
}

// What cannot work is told in one line, before anything is replaced.
func TestProvisionRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(content string) string {
		f, err := os.CreateTemp(dir, "")
		require.NoError(t, err)
		defer f.Close()
		_, err = f.WriteString(content)
		require.NoError(t, err)
		return f.Name()
	}
	good := file(testKeys)
	for _, c := range []struct {
		config map[string]any
		why    string
	}{
		{map[string]any{}, "no keys file"},
		{map[string]any{"keys_file": filepath.Join(dir, "none")}, "no such file"},
		{map[string]any{"keys_file": file(`[{"id": "a", "secret": "hidden"`)}, "hmacsign: keys"},
		{map[string]any{"keys_file": file(`[]`)}, "has no keys"},
		{map[string]any{"keys_file": "{env.HMACSIGN_TEST_UNSET}"}, "HMACSIGN_TEST_UNSET"},
		{map[string]any{"keys_file": good, "schemes": []string{"none-such"}}, "none-such"},
		{map[string]any{"keys_file": good, "window": -1}, "window -1ns: use more than 0"},
		{map[string]any{"keys_file": good, "max_body": -1}, "max_body -1: use more than 0"},
		{map[string]any{"keys_file": good, "replay_guard": -1}, "replay_guard -1: use 1 to"},
		{map[string]any{"keys_file": good, "replay_guard": 1 << 40}, "use 1 to 100000000"},
		{map[string]any{"keys_file": good, "replay_guard": 1, "replay_redis": "redis://h"}, "replay_guard is there twice"},
		{map[string]any{"keys_file": good, "replay_redis": "redis://h", "window": "96h"}, "with Redis use at most 84h"},
		{map[string]any{"keys_file": good, "replay_redis": "http://user:hidden@h"}, "this is no URL of a Redis"},
		{map[string]any{"keys_file": good, "replay_redis": "redis://:hidden@127.0.0.1:1"}, "redisreplay:"},
		{map[string]any{"keys_file": good, "identity_header": "X Caller"}, "identity_header \"X Caller\": this is no name"},
		{map[string]any{"keys_file": good, "identity_header": "Content_Type"}, "has a meaning of its own"},
		{map[string]any{"keys_file": good, "require_headers": []string{"a(b"}}, "a(b"},
		{map[string]any{"keys_file": good, "replay_guard": 10, "require_headers": []string{"a(b"}}, "a(b"},
		{map[string]any{"keys_file": good, "key": "x"}, "key"},
	} {
		err := provisioned(t, c.config)
		require.ErrorContains(t, err, c.why, "%v", c.config)
		require.NotContains(t, err.Error(), "\n")
		require.NotContains(t, err.Error(), "hidden")
	}
	require.NoError(t, provisioned(t, map[string]any{"keys_file": good, "window": "5m"}))
	t.Setenv("HMACSIGN_TEST_KEYS", good)
	require.NoError(t, provisioned(t, map[string]any{"keys_file": "{env.HMACSIGN_TEST_KEYS}"}))
	stores.Range(func(key, _ any) bool { t.Errorf("%v is still held", key); return true })
}

// provisioned is what Caddy says of a handler, as `caddy validate` does.
func provisioned(t *testing.T, handler map[string]any) error {
	handler["handler"] = "hmacsign"
	config, err := json.Marshal(map[string]any{"admin": map[string]any{"disabled": true}, "storage": map[string]any{"module": "file_system", "root": t.TempDir()},
		"apps": map[string]any{"http": map[string]any{"servers": map[string]any{"s": map[string]any{"routes": []any{map[string]any{"handle": []any{handler}}}}}}}})
	require.NoError(t, err)
	var c caddy.Config
	require.NoError(t, json.Unmarshal(config, &c))
	return caddy.Validate(&c)
}

// Every setting in JSON is documented, and has a name.
func TestSettingsAreDocumented(t *testing.T) {
	source, err := os.ReadFile("handler.go")
	require.NoError(t, err)
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	handler := reflect.TypeFor[Handler]()
	for i := range handler.NumField() {
		field := handler.Field(i)
		if !field.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		require.NotEmpty(t, name, field.Name)
		require.Contains(t, string(readme), "`"+name+"`", "README.md")
		lines := strings.Split(string(source), "\n")
		for n, line := range lines {
			if strings.HasPrefix(line, "\t"+field.Name+" ") {
				require.True(t, strings.HasPrefix(lines[n-1], "\t// "), "%s in handler.go", field.Name)
			}
		}
	}
}

// The files of deploy/ are what Caddy takes.
func TestDeploy(t *testing.T) {
	file, err := os.ReadFile("deploy/Caddyfile")
	require.NoError(t, err)
	config, warnings, err := adapt(string(file))
	require.NoError(t, err)
	require.Empty(t, warnings, "caddy fmt deploy/Caddyfile")
	require.Contains(t, string(config), `"handler":"hmacsign"`)
	keys := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(keys, []byte(testKeys), 0o600))
	runs := strings.NewReplacer(`"/etc/caddy/keys.json"`, fmt.Sprintf("%q", keys)).Replace(string(config))
	require.NotEqual(t, string(config), runs, "the keys file of the compose file")
	var c caddy.Config
	require.NoError(t, json.Unmarshal([]byte(runs), &c))
	require.NoError(t, caddy.Validate(&c))
}

// The compose file has no mistyped member, and names files that are there.
func TestCompose(t *testing.T) {
	file, err := os.Open("deploy/compose.yaml")
	require.NoError(t, err)
	defer file.Close()
	type service struct {
		Image string
		Build struct{ Context, Dockerfile string }

		Ports, Volumes, Command, Tmpfs []string

		CapDrop     []string `yaml:"cap_drop"`
		SecurityOpt []string `yaml:"security_opt"`
		ReadOnly    bool     `yaml:"read_only"`
		Restart     string
	}
	var compose struct {
		Services map[string]service
		Volumes  map[string]any
	}
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&compose))
	c := compose.Services["caddy"]
	require.FileExists(t, filepath.Join("deploy", c.Build.Context, c.Build.Dockerfile))
	require.FileExists(t, filepath.Join("deploy", c.Build.Context, "go.mod"))
	require.Contains(t, c.Volumes, "./:/etc/caddy:ro", "where Caddyfile and keys.json are")
	require.Contains(t, compose.Services, "upstream", "the host that the Caddyfile names")
	for name, s := range compose.Services {
		host, _, found := strings.Cut(s.Image, "/")
		require.False(t, found && strings.Contains(host, "."), "%s: the image names a registry", name)
	}
	dockerfile, err := os.ReadFile("deploy/Dockerfile")
	require.NoError(t, err)
	require.Contains(t, string(dockerfile), "go build -trimpath -o /caddy ./cmd/caddy")
	require.FileExists(t, "cmd/caddy/main.go")
}

// What a Caddyfile becomes, whole: in Caddy's own order of directives, whatever the
// order in which they stand.
func TestAdapts(t *testing.T) {
	caddytest.AssertAdapt(t, `:80 {
	reverse_proxy 127.0.0.1:9000
	basic_auth {
		user $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG
	}
	hmacsign {
		keys /etc/hmacsign/keys.json
		schemes huawei-sdk
		replay_guard 1000
	}
}
`, "caddyfile", `{
	"apps": {
		"http": {
			"servers": {
				"srv0": {
					"listen": [
						":80"
					],
					"routes": [
						{
							"handle": [
								{
									"handler": "hmacsign",
									"keys_file": "/etc/hmacsign/keys.json",
									"replay_guard": 1000,
									"schemes": [
										"huawei-sdk"
									]
								},
								{
									"handler": "authentication",
									"providers": {
										"http_basic": {
											"accounts": [
												{
													"password": "$2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG",
													"username": "user"
												}
											],
											"hash": {
												"algorithm": "bcrypt"
											},
											"hash_cache": {}
										}
									}
								},
								{
									"handler": "reverse_proxy",
									"upstreams": [
										{
											"dial": "127.0.0.1:9000"
										}
									]
								}
							]
						}
					]
				}
			}
		}
	}
}`)
}
