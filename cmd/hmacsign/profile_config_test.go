package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A fault is told with its line, and nothing else of the line but names that are known.
func TestConfigFaults(t *testing.T) {
	t.Setenv("PROFILE_SECRET", testSecret)
	const good = "[profiles.a]\nkey_id = \"k\"\nsecret_env = \"PROFILE_SECRET\"\n"
	const s = testSecret
	for config, want := range map[string]string{
		good + `secret = "` + s + `"`:                                         "line 4: a config file holds no secret: take it out, and name where it is with secret_env,",
		good + `secret.value = "` + s + `"`:                                   "line 4: a config file holds no secret",
		good + `Secret_Key = "` + s + `"`:                                     "line 4: a config file holds no secret",
		good + `secret = "` + s:                                               "line 4: this is no TOML",
		good + `secret = ` + s:                                                "line 4: this is no TOML",
		good + `secret_env = "` + s + `"`:                                     "line 4: this is no TOML: write each name once",
		good + s:                                                              "line 4: this is no TOML",
		good + s + ` = 1`:                                                     "line 4: this name is not known here: use algorithm, backend, content_md5, key_id,",
		good + `"` + s + "\\n\" = 1":                                          "line 4: this name is not known here",
		good + `regoin = "` + s + `"`:                                         `line 4: there is no name "regoin" here: did you mean region?`,
		good + `Region = "` + s + `"`:                                         `line 4: there is no name "Region" here: did you mean region?`,
		good + `region = 5`:                                                   `line 4: region takes a text: region = "value"`,
		good + `region = ""`:                                                  `line 4: region takes a text`,
		good + `region = 2021-01-01`:                                          `line 4: region takes a text`,
		good + `region.x = "` + s + `"`:                                       `line 4: region takes a text`,
		good + `signed_headers = "` + s + `"`:                                 `line 4: signed_headers takes a list of texts: signed_headers = ["one", "two"]`,
		good + `signed_headers = ["x", 1]`:                                    `line 4: signed_headers takes a list of texts`,
		good + `signed_headers = []`:                                          `line 4: signed_headers takes a list of texts`,
		good + `no_strip_environment = "` + s + `"`:                           `line 4: no_strip_environment takes true or false`,
		good + "[profiles.a.zz]\n":                                            `line 4: this name is not known here`,
		good + "[[profiles.c]]\nx = \"" + s + "\"":                            `write [profiles.NAME]`,
		good + "[profiles]\nb = \"" + s + "\"":                                `line 5: write [profiles.NAME] on a line`,
		good + "[profiles.\"" + s + "!\"]":                                    "a profile's name has letters, digits",
		good + "[profiles.\"a\\u001b[31m\"]":                                  "a profile's name has letters, digits",
		good + "[Profiles.b]\n":                                               `there is no name "Profiles" here: did you mean profiles?`,
		good + "[Profiles.b]\nkey_id = \"" + s + "\"":                         `did you mean profiles?`,
		good + "[other]\nx = \"" + s + "\"":                                   `line 4: this name is not known here: use default, profiles`,
		"default = \"a\"\nprofiles.a = {default = \"" + s + "\"}":             "write [profiles.NAME] on a line",
		"profiles.a = {key_id = \"" + s + "\"}":                               "line 1: write [profiles.NAME] on a line",
		"profiles = {a = {key_id = \"" + s + "\"}}":                           "line 1: write [profiles.NAME] on a line",
		"[profiles]\na = {key_id = \"" + s + "\"}":                            "line 2: write [profiles.NAME] on a line",
		"default = \"" + s + "!\"\n" + good:                                   `line 1: default takes the name of a profile`,
		"default = 3\n" + good:                                                `line 1: default takes the name of a profile: default = "NAME"`,
		"defualt = \"a\"\n" + good:                                            `line 1: there is no name "defualt" here: did you mean default?`,
		"profiles = \"" + s + "\"\n":                                          `line 1: write [profiles.NAME] on a line`,
		"[profiles.b]\nkey_id = \"k\"\nsecret_env = \"" + s + "\"\n":          `line 3: secret_env takes the name of an environment variable, not the secret`,
		"[profiles.b]\nkey_id = \"k\"\nsecret_command = \"pass " + s + "\"\n": `line 3: secret_command takes a list of texts`,
		good + "region = \"\xff\"":                                            "line 4: this is no TOML",
	} {
		path := writeConfig(t, config)
		for _, args := range [][]string{{"profile"}, {"sign", "http://h", "--profile", "a"}} {
			status, _, stderr := profileRun(t, args...)
			require.Equal(t, 1, status, config)
			require.True(t, strings.HasPrefix(stderr, "hmacsign: config file "+path+": "), stderr)
			require.Contains(t, stderr, want, config)
			require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
			require.NotContains(t, stderr, ": toml:")
		}
	}
	for _, config := range []string{good, "\ufeff" + strings.ReplaceAll(good, "\n", "\r\n"), "profiles.a.key_id = \"k\"\nprofiles.a.secret_env = 'PROFILE_SECRET'", good + `[profiles."生产.1-a_b"]`} {
		writeConfig(t, config)
		require.NotEmpty(t, signedBy(t, "--profile", "a"))
	}
}

func TestConfigFile(t *testing.T) {
	t.Setenv("PROFILE_SECRET", testSecret)
	good := "[profiles.a]\nkey_id = \"k\"\nsecret_env = \"PROFILE_SECRET\"\n"
	writeConfig(t, good+strings.Repeat("#", maxConfig-len(good)))
	require.NotEmpty(t, signedBy(t, "--profile", "a"))
	path := writeConfig(t, good+strings.Repeat("#", maxConfig-len(good)+1))
	_, _, stderr := profileRun(t, "profile")
	require.Equal(t, "hmacsign: "+path+" is longer than 1 MiB: leave in it what profiles need\n", stderr)

	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Mkdir(path, 0o700))
	_, _, stderr = profileRun(t, "profile")
	require.Equal(t, "hmacsign: "+path+" is no file: put the profiles into a file of this name\n", stderr)

	require.NoError(t, os.Remove(path))
	target := filepath.Join(t.TempDir(), "elsewhere.toml")
	require.NoError(t, os.WriteFile(target, []byte(good), 0o600))
	if err := os.Symlink(target, path); err != nil {
		t.Skip("needs the right to make symbolic links: ", err)
	}
	require.NotEmpty(t, signedBy(t, "--profile", "a"))
}

// Whatever the file is, there is a config or an error, and the error has nothing of the
// values.
func FuzzParseConfig(f *testing.F) {
	const mark = "S3CR3T"
	for _, seed := range []string{goodConfig, "default = 'S3CR3T'", "[profiles.a]\nsecret = 'S3CR3T'", "[profiles.a]\nsecret_command = ['S3CR3T', 1]",
		"[profiles.a]\nkey_id = S3CR3T", "[[profiles]]\nS3CR3T", "[profiles.a]\nregion = \"S3CR3T", "profiles.a.b.c = 1", "profiles = {a = {region = 1, region = 2}}", "[[profiles.a]]\n[profiles.a.b]", "x = [[{}]]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseConfig(data)
		if err != nil {
			require.NotContains(t, err.Error(), mark)
			require.NotContains(t, err.Error(), "\n")
			return
		}
		for name, p := range c.profiles {
			require.Equal(t, name, p.name)
			require.True(t, profileName(name))
			for _, s := range p.secrets {
				require.NotEmpty(t, s.words)
				require.Contains(t, settings, s.setting)
			}
		}
	})
}
