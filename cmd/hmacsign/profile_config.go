package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"github.com/pelletier/go-toml/v2"
)

const (
	maxConfig      = 1 << 20
	maxProfileName = 64
)

// config is the config file: profiles, and the one that is used where none is named.
type config struct {
	path        string
	defaultName string
	profiles    map[string]*profile
}

// A profile has values for flags of sign, by the flag's name, and says where its secret
// is: in one place, if it is right.
type profile struct {
	name    string
	values  map[string]string
	secrets []secretPlace
}

// A form is how a value is written in the file.
type form int

const (
	oneText form = iota
	manyTexts
	truth
)

// settings are the names that a profile may have: those of sign's flags, with _ for -, and
// of places of a secret.
var settings = map[string]form{
	"secret_env": oneText, "secret_file": oneText, "secret_command": manyTexts, "secret_keyring": oneText,
	"scheme": oneText, "algorithm": oneText, "backend": oneText, "key_id": oneText, "signed_headers": manyTexts, "query_form": oneText,
	"content_md5": oneText, "region": oneText, "service": oneText, "no_strip_environment": truth,
}

// variableName is how environment variables are called. A secret in the place of a name
// mostly is not.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// configPath is where the config file is, empty where there is no place for one.
func configPath() string {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if runtime.GOOS == "windows" {
		dir = os.Getenv("AppData")
	}
	if !filepath.IsAbs(dir) { // as the XDG specification has it: one that is not is ignored
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "hmacsign", "config.toml")
}

// loadConfig reads the config file. One that is not there has no profiles.
func loadConfig() (*config, error) {
	path := configPath()
	if path == "" {
		return &config{path: "~/.config/hmacsign/config.toml"}, nil
	}
	data, err := readConfig(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &config{path: path}, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := parseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("config file %s: %w", path, err)
	}
	c.path = path
	for _, p := range c.profiles {
		for i := range p.secrets {
			p.secrets[i].config = path
		}
	}
	return c, nil
}

func readConfig(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file: put the profiles into a file of this name", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if len(data) > maxConfig {
		return nil, fmt.Errorf("%s is longer than 1 MiB: leave in it what profiles need", path)
	}
	return data, err
}

var errProfileForm = errors.New("write [profiles.NAME] on a line, and what the profile has below it, one a line")

// parseConfig reads the profiles. Its errors show nothing of the file but names that are
// known, or nearly: there might be a secret anywhere else.
func parseConfig(data []byte) (*config, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // Windows' editors put it there
	var root map[string]any
	if err := toml.Unmarshal(data, &root); err != nil {
		return nil, atLine(err, errors.New(`this is no TOML: write each name once, as name = "value"`))
	}
	keys, err := keysOf(data)
	if err != nil {
		return nil, atLine(err, errProfileForm)
	}
	c := &config{profiles: map[string]*profile{}}
	if err := c.addProfiles(root); err != nil {
		return nil, err
	}
	for _, key := range keys {
		if err := c.set(root, key.Key()); err != nil {
			return nil, atLine(&key, err)
		}
	}
	return c, c.complete(root)
}

// complete finds what the list of keys did not show: a table without keys, and tables
// in {}, of which it has not the path.
func (c *config) complete(root map[string]any) error {
	for name := range root {
		if name != "default" && name != "profiles" {
			return unknownName(name, "default", "profiles")
		}
	}
	for name, p := range c.profiles {
		if len(p.values)+len(p.secrets) != len(settingsOf(root, name)) {
			return errProfileForm
		}
	}
	return nil
}

// settingsOf is what the document has of a profile.
func settingsOf(root map[string]any, name string) map[string]any {
	profiles, _ := root["profiles"].(map[string]any)
	of, _ := profiles[name].(map[string]any)
	return of
}

// keysOf is every key of the document with its line, as the library's list of those that
// a document has and a type has not.
func keysOf(data []byte) ([]toml.DecodeError, error) {
	var shape struct {
		Profiles map[string]struct{} `toml:"profiles"`
	}
	err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&shape)
	if keys := (*toml.StrictMissingError)(nil); errors.As(err, &keys) {
		return keys.Errors, nil
	}
	return nil, err
}

// atLine is the error, said of the place that another one of the library's has.
func atLine(place, err error) error {
	var at *toml.DecodeError
	if !errors.As(place, &at) {
		return err
	}
	line, _ := at.Position()
	return fmt.Errorf("line %d: %w", line, err)
}

func (c *config) addProfiles(root map[string]any) error {
	profiles, _ := root["profiles"].(map[string]any)
	for name := range profiles {
		if !profileName(name) {
			return errors.New("a profile's name has letters, digits, dots, - and _, at most 64: write [profiles.NAME] so")
		}
		c.profiles[name] = &profile{name: name, values: map[string]string{}}
	}
	return nil
}

// profileName reports whether shells and tables show the name as it is.
func profileName(name string) bool {
	return name != "" && len(name) <= maxProfileName && !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.", r) || r == unicode.ReplacementChar
	})
}

// set takes the value of a key over from the document.
func (c *config) set(root map[string]any, key []string) error {
	switch {
	case key[0] == "default":
		c.defaultName, _ = root["default"].(string)
		if !profileName(c.defaultName) {
			return errors.New(`default takes the name of a profile: default = "NAME"`)
		}
		return nil
	case key[0] == "profiles" && len(key) > 2 && c.profiles[key[1]] != nil:
		return c.profiles[key[1]].set(key[2], settingsOf(root, key[1])[key[2]])
	case key[0] == "profiles" || root[key[0]] == nil: // the library has no path of what is in {}
		return errProfileForm
	}
	return unknownName(key[0], "default", "profiles")
}

func (p *profile) set(name string, value any) error {
	form, known := settings[name]
	hasSecret := strings.Contains(strings.ToLower(name), "secret")
	switch {
	case !known && hasSecret:
		return errors.New("a config file holds no secret: take it out, and name where it is with secret_env, secret_file, secret_command or secret_keyring")
	case !known:
		return unknownName(name, slices.Sorted(maps.Keys(settings))...)
	}
	words, err := form.read(name, value)
	switch {
	case err != nil:
		return err
	case name == "secret_env" && !variableName.MatchString(words[0]):
		return errors.New(`secret_env takes the name of an environment variable, not the secret: secret_env = "NAME"`)
	case hasSecret:
		p.secrets = append(p.secrets, secretPlace{setting: name, words: words})
	default:
		p.values[strings.ReplaceAll(name, "_", "-")] = strings.Join(words, ",")
	}
	return nil
}

// read is the value in words: one, but of a list.
func (f form) read(name string, value any) (words []string, err error) {
	switch v := value.(type) {
	case bool:
		if f == truth {
			return []string{fmt.Sprint(v)}, nil
		}
	case string:
		if f == oneText && v != "" {
			return []string{v}, nil
		}
	case []any:
		for _, word := range v {
			s, _ := word.(string)
			if s == "" {
				words = nil
				break
			}
			words = append(words, s)
		}
		if f == manyTexts && words != nil {
			return words, nil
		}
	}
	switch f {
	case truth:
		return nil, fmt.Errorf("%s takes true or false: %s = true", name, name)
	case manyTexts:
		return nil, fmt.Errorf(`%s takes a list of texts: %s = ["one", "two"]`, name, name)
	}
	return nil, fmt.Errorf(`%s takes a text: %s = "value"`, name, name)
}

// unknownName tells the name only where it is nearly a known one.
func unknownName(name string, known ...string) error {
	if near := nearest(name, known); near != "" {
		return fmt.Errorf("there is no name %q here: did you mean %s?", name, near)
	}
	return fmt.Errorf("this name is not known here: use %s", strings.Join(known, ", "))
}

// names of the profiles, sorted.
func (c *config) names() []string { return slices.Sorted(maps.Keys(c.profiles)) }

// profile is the one of that name.
func (c *config) profile(name string) (*profile, error) {
	if p := c.profiles[name]; p != nil {
		return p, nil
	}
	if len(c.profiles) == 0 {
		return nil, usagef("there is no profile %q: write it into %s as hmacsign profile --help shows", name, c.path)
	}
	return nil, usagef("there is no profile %q in %s: use one of %s", name, c.path, strings.Join(c.names(), ", "))
}

// defaultProfile is nil where the file names none.
func (c *config) defaultProfile() (*profile, error) {
	if c.defaultName == "" {
		return nil, nil
	}
	p := c.profiles[c.defaultName]
	if p == nil {
		return nil, fmt.Errorf("default = %q in %s names no profile: write [profiles.%s], or take default out", c.defaultName, c.path, c.defaultName)
	}
	return p, nil
}

// secret is where the secret of a profile is that is whole.
func (p *profile) secret() (secretPlace, error) {
	switch {
	case p.values["key-id"] == "":
		return secretPlace{}, errors.New(`it has no key id: add key_id = "ID"`)
	case len(p.secrets) == 0:
		return secretPlace{}, errors.New("it does not say where its secret is: add secret_env, secret_file, secret_command or secret_keyring")
	case len(p.secrets) > 1:
		return secretPlace{}, fmt.Errorf("it has both %s and %s: leave one of them out", p.secrets[0].setting, p.secrets[1].setting)
	}
	return p.secrets[0], nil
}
