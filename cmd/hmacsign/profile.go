package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme"
)

const profileHelp = `Without NAME nothing is run and no keyring is asked: profiles whose secret is there are
unchecked. With NAME the secret is read as sign reads it. Exit status 1: one that is
shown cannot be used.

The config file is $XDG_CONFIG_HOME/hmacsign/config.toml, else
~/.config/hmacsign/config.toml, on Windows %AppData%\hmacsign\config.toml. It holds no
secret, but says where it is:

    default = "staging"

    [profiles.staging]
    scheme = "tencent-app"
    algorithm = "hmac-sm3"
    key_id = "app-1"
    secret_env = "APP_1_SECRET"                  # one of these four
    # secret_file = "~/secrets/app-1"            # ~, or relative to this file
    # secret_command = ["pass", "show", "app-1"] # what it prints; no shell
    # secret_keyring = "app-1"                   # account of service hmacsign
    # backend, signed_headers = ["x-a", "x-b"], query_form, content_md5, region, service
    # and no_strip_environment = true are as the flags of sign

A secret's last newline is left out. A secret_command reads the terminal, has a minute,
and runs only if nobody else may write the config file and its folder (this is not
checked on Windows). A secret gets into the keyring with one of

    secret-tool store --label=hmacsign service hmacsign username app-1
    security add-generic-password -s hmacsign -a app-1 -w         (macOS)
    cmdkey /generic:hmacsign:app-1 /user:app-1 /pass              (Windows)

Of these, the first that there is:

    profile          --profile, HMACSIGN_PROFILE, and default, where flags and environment have
                     neither a key id nor a secret; --profile "" is none
    key id           --key-id, the profile, HMACSIGN_KEY_ID
    secret           --secret-env or --secret-file, the profile, HMACSIGN_SECRET
    everything else  its flag, the profile, the flag's default

A profile that is used has a key id and a secret of its own: the environment's are not
mixed in. With --scheme, what the profile has for another scheme is left out.`

// useProfile gives the flags that were not given the profile's values, and is the profile,
// nil without one.
func (r *requestFlags) useProfile() (*profile, error) {
	p, err := r.chosenProfile()
	if p == nil || err != nil {
		return nil, err
	}
	return p, r.use(p)
}

// chosenProfile is the one that flag, environment or config file name.
func (r *requestFlags) chosenProfile() (*profile, error) {
	name := r.profile
	if !r.has("profile") {
		name = os.Getenv("HMACSIGN_PROFILE")
	}
	if name == "" && (r.has("profile") || r.hasCredential()) {
		return nil, nil
	}
	c, err := loadConfig()
	if err != nil {
		return nil, err
	}
	if name == "" {
		return c.defaultProfile()
	}
	return c.profile(name)
}

// hasCredential says whether the user gave a key id or a secret, which is not to be mixed
// with those of a profile that nobody named.
func (r *requestFlags) hasCredential() bool {
	return r.has("key-id") || r.has("secret-env") || r.has("secret-file") || os.Getenv("HMACSIGN_KEY_ID") != "" || os.Getenv("HMACSIGN_SECRET") != ""
}

// use leaves the flags that were given as they are.
func (r *requestFlags) use(p *profile) error {
	given := r.has("scheme")
	for name, value := range p.values {
		if of := schemeOf[name]; r.has(name) || given && of != nil && of.Name() != r.scheme {
			continue
		}
		if err := r.set.Set(name, value); err != nil {
			return err
		}
	}
	secret, err := p.secret()
	if !r.has("secret-env") && !r.has("secret-file") {
		r.secret = secret.read
	}
	return err
}

// signer is that of the flags and of the profile.
func (r *requestFlags) signer(io *streams) (*requestSigner, error) {
	p, err := r.useProfile()
	if err != nil {
		return nil, p.explain(err)
	}
	s, err := r.flagSigner(io)
	return s, p.explain(err)
}

// explain says of an error that it came with the profile.
func (p *profile) explain(err error) error {
	if p == nil || err == nil {
		return err
	}
	return &profileError{err, p.name}
}

// profileError is an error of what a profile says.
type profileError struct {
	error
	profile string
}

func (e *profileError) Unwrap() error { return e.error }
func (e *profileError) Error() string { return e.In("en") }

// In is the error's text in a language.
func (e *profileError) In(lang string) string {
	io := &streams{lang: lang}
	return fmt.Sprintf(io.text("%s (profile %s)"), io.errorText(e.error), e.profile)
}

// profileFlags are those of profile.
type profileFlags struct{ output string }

func newProfile(io *streams) *cobra.Command {
	f := new(profileFlags)
	c := &cobra.Command{
		Use:   "profile [flags] [NAME]",
		Short: "Shows the profiles of the config file, or one of them, and checks them.",
		Long:  profileHelp,
		Args:  arguments(0, "NAME"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return completeProfiles(nil, nil, "")
		},
		RunE: func(_ *cobra.Command, args []string) error { return f.run(args, io) },
	}
	c.Flags().StringVar(&f.output, "output", "table", "`table|json`")
	completeFlag(c, "output", "table", "json")
	return c
}

// completeProfile has the shell complete --profile.
func completeProfile(c *cobra.Command) {
	if err := c.RegisterFlagCompletionFunc("profile", completeProfiles); err != nil {
		panic(err) // there is no such flag
	}
}

// completeProfiles are the names of the profiles, for the shell.
func completeProfiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c, err := loadConfig()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return c.names(), cobra.ShellCompDirectiveNoFileComp
}

func (f *profileFlags) run(args []string, io *streams) error {
	print, ok := map[string]func(*streams, *profileList) error{"table": printProfiles, "json": printProfilesJSON}[f.output]
	if !ok {
		return usagef("profile: --output %q: use table or json", f.output)
	}
	c, err := loadConfig()
	if err != nil {
		return err
	}
	names := c.names()
	if len(args) > 0 {
		if _, err := c.profile(args[0]); err != nil {
			return err
		}
		names = args
	}
	all := &profileList{File: c.path, Default: c.defaultName, Profiles: []profileReport{}}
	var unusable []string
	for _, name := range names {
		report := c.profiles[name].report(len(args) > 0, io)
		if report.Default = name == c.defaultName; report.State == "unusable" {
			unusable = append(unusable, name)
		}
		all.Profiles = append(all.Profiles, report)
	}
	if err := print(io, all); err != nil {
		return err
	}
	if unusable != nil {
		return fmt.Errorf("cannot be used: %s", strings.Join(unusable, ", "))
	}
	if len(args) == 0 {
		_, err = c.defaultProfile()
	}
	return err
}

// profileList is what profile shows.
type profileList struct {
	File     string          `json:"file"`
	Default  string          `json:"default"`
	Profiles []profileReport `json:"profiles"`
}

// profileReport is a profile and whether it can be used: its state is ready, unchecked or
// unusable.
type profileReport struct {
	Name      string            `json:"name"`
	Default   bool              `json:"default"`
	Scheme    string            `json:"scheme"`
	Algorithm string            `json:"algorithm"`
	Backend   string            `json:"backend"` // that runs, or that should
	KeyID     string            `json:"key_id"`
	Secret    *secretReport     `json:"secret"` // null unless it is in one place
	Settings  map[string]string `json:"settings"`
	State     string            `json:"state"`
	Reason    string            `json:"reason"`
}

// secretReport is where a secret is: env, file, command or keyring, and the name there.
type secretReport struct {
	In   string `json:"in"`
	Name string `json:"name"`
}

// report checks a profile: with its secret, or without one that has to be asked for.
func (p *profile) report(ask bool, io *streams) profileReport {
	r := new(requestFlags)
	r.add(pflag.NewFlagSet("profile", pflag.ContinueOnError))
	unchecked, signer, err := p.try(r, ask, io)
	report := profileReport{Name: p.name, Scheme: r.scheme, Algorithm: r.algorithm, Backend: r.backend, KeyID: p.values["key-id"], Settings: map[string]string{}, State: "ready"}
	for name, value := range p.values {
		if !slices.Contains([]string{"scheme", "algorithm", "backend", "key-id"}, name) {
			report.Settings[strings.ReplaceAll(name, "-", "_")] = value
		}
	}
	if len(p.secrets) == 1 {
		report.Secret = &secretReport{p.secrets[0].kind(), p.secrets[0].name()}
	}
	switch {
	case err != nil:
		report.State, report.Reason = "unusable", strings.TrimPrefix(io.errorText(withoutLength(err)), "hmacsign: ")
		return report
	case unchecked:
		report.State, report.Reason = "unchecked", fmt.Sprintf(io.text("hmacsign profile %s reads the secret"), p.name)
	}
	report.Backend = signer.Backend().Backend
	return report
}

// try makes a signer as sign does. A secret that has to be asked for is not needed to
// know the rest.
func (p *profile) try(r *requestFlags, ask bool, io *streams) (unchecked bool, signer *requestSigner, err error) {
	if err := r.use(p); err != nil {
		return false, nil, err
	}
	if unchecked = p.secrets[0].asks() && !ask; unchecked {
		if err := p.secrets[0].check(); err != nil {
			return false, nil, err
		}
		r.secret = func(*streams) (hmacsign.SecretText, error) {
			return hmacsign.Secret(strings.Repeat("x", 1024)), nil
		}
	}
	signer, err = r.flagSigner(io)
	return unchecked, signer, err
}

// withoutLength keeps the length of a secret out of the report.
func withoutLength(err error) error {
	if errors.Is(err, algo.ErrShortSecret) {
		return errors.New("the secret is shorter than HMACSIGN_REQUIRE_SECRET_BITS asks for: use a longer one")
	}
	return err
}

func printProfilesJSON(io *streams, all *profileList) error {
	e := json.NewEncoder(io.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(all)
}

func printProfiles(io *streams, all *profileList) error {
	if len(all.Profiles) == 0 {
		io.say("There are no profiles: write them into %s as hmacsign profile --help shows.", all.File)
		return nil
	}
	rows := [][]string{{io.text("PROFILE"), io.text("DEFAULT"), io.text("SCHEME"), io.text("ALGORITHM"), io.text("BACKEND"), io.text("KEY ID"), io.text("SECRET"), io.text("SETTINGS"), io.text("STATE")}}
	for _, p := range all.Profiles {
		secret, state := "", io.text(p.State)
		if p.Secret != nil {
			secret = p.Secret.In + " " + p.Secret.Name
		}
		if p.Reason != "" {
			state += scheme.Text(io.lang, "separator", nil) + p.Reason
		}
		var settings []string
		for _, name := range slices.Sorted(maps.Keys(p.Settings)) {
			settings = append(settings, name+"="+p.Settings[name])
		}
		cells := []string{p.Name, io.yes(p.Default), p.Scheme, p.Algorithm, p.Backend, p.KeyID, secret, strings.Join(settings, " "), state}
		for i, cell := range cells {
			cells[i] = printable(cell)
		}
		rows = append(rows, cells)
	}
	printTable(io.out, rows)
	return nil
}
