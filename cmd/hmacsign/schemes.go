package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentkeypair"
)

// schemeFlags are the options of schemes, for signing and for verifying.
type schemeFlags struct {
	set             *pflag.FlagSet // which knows those that were given
	queryForm       string         // for verifying several, separated by commas
	contentMD5      string         // for signing
	region, service string         // likewise, of a derived key
	keepEnvironment bool
	anyDate         bool // for verifying, like decodeSlash
	decodeSlash     bool
}

// forms are the query forms that --query-form names, joined.
func (f *schemeFlags) forms() (forms tencentapp.QueryForm, err error) {
	if f.queryForm == "" {
		return 0, nil
	}
	for name := range strings.SplitSeq(f.queryForm, ",") {
		form, err := tencentapp.ParseQueryForm(name)
		if err != nil {
			return 0, usageError{err}
		}
		forms |= form
	}
	return forms, nil
}

// schemeOf is the scheme that each of these flags is for.
var schemeOf = map[string]hmacsign.Scheme{
	"query-form": hmacsign.TencentApp, "content-md5": hmacsign.TencentApp, "no-strip-environment": hmacsign.TencentApp,
	"accept-any-date": hmacsign.TencentKeyPair,
	"decode-slash":    hmacsign.HuaweiSDK, "region": hmacsign.HuaweiSDK, "service": hmacsign.HuaweiSDK,
}

// checkSchemes refuses flags that were given for a scheme which is not in use: they would do
// nothing. Chooser is the flag that says which are.
func (f *schemeFlags) checkSchemes(chooser string, inUse ...hmacsign.Scheme) (err error) {
	f.set.Visit(func(given *pflag.Flag) {
		of := schemeOf[given.Name]
		if of != nil && !slices.ContainsFunc(inUse, func(s hmacsign.Scheme) bool { return s.Name() == of.Name() }) {
			err = cmp.Or(err, usagef("--%s is for scheme %s: leave it out, or name that scheme with %s", given.Name, of.Name(), chooser))
		}
	})
	return err
}

// has reports whether a flag was given.
func (f *schemeFlags) has(name string) (was bool) {
	f.set.Visit(func(given *pflag.Flag) { was = was || given.Name == name })
	return was
}

// signing is the scheme of a name, to sign with.
func (f *schemeFlags) signing(name string) (hmacsign.Scheme, error) {
	s, err := hmacsign.SchemeByName(name)
	if err != nil {
		return nil, usageError{err}
	}
	if err := f.checkSchemes("--scheme", s); err != nil {
		return nil, err
	}
	form, err := tencentapp.ParseQueryForm(f.queryForm)
	if err != nil {
		return nil, usageError{err}
	}
	md5, err := tencentapp.ParseContentMD5(f.contentMD5)
	if err != nil {
		return nil, usageError{err}
	}
	switch s.(type) {
	case tencentapp.Scheme:
		s = tencentapp.Scheme{Query: form, ContentMD5: md5, KeepEnvironment: f.keepEnvironment}
	case huaweisdk.Scheme:
		switch region, service := f.has("region"), f.has("service"); {
		case region != service:
			return nil, usagef("a derived key needs both --region and --service: give the other one too")
		case region:
			if s, err = huaweisdk.Derived(f.region, f.service); err != nil {
				return nil, usageError{err}
			}
		}
	}
	return s, nil
}

// accepted is what --schemes names, or every scheme, to verify with.
func (f *verifierFlags) accepted() (all []hmacsign.Scheme, err error) {
	schemes := f.schemes
	if schemes == nil {
		schemes = hmacsign.Schemes()
	}
	if err := f.checkSchemes("--schemes", schemes...); err != nil {
		return nil, err
	}
	forms, err := f.forms()
	if err != nil {
		return nil, err
	}
	for _, s := range schemes {
		switch s.(type) {
		case tencentapp.Scheme:
			s = tencentapp.Scheme{Accept: forms, KeepEnvironment: f.keepEnvironment}
		case tencentkeypair.Scheme:
			s = tencentkeypair.Scheme{AcceptAnyDate: f.anyDate}
		case huaweisdk.Scheme:
			s = huaweisdk.Scheme{DecodeSlash: f.decodeSlash}
		}
		all = append(all, s)
	}
	return all, nil
}

func schemeNames() (names []string) {
	for _, s := range hmacsign.Schemes() {
		names = append(names, s.Name())
	}
	return names
}

// backendNames are those of all algorithms.
func backendNames() (names []string) {
	for _, algorithm := range algo.Algorithms() {
		for _, b := range algo.Backends(algorithm) {
			if !slices.Contains(names, b.Backend) {
				names = append(names, b.Backend)
			}
		}
	}
	return names
}

func completeVerifier(c *cobra.Command) {
	completeFlag(c, "query-form", "documented", "raw", "decoded", "joined")
	completeFlag(c, "backend", backendNames()...)
}
