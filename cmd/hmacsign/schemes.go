package main

import (
	"strings"

	"github.com/gmhmac/hmacsign/hmacsign"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/huaweisdk"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentapp"
	"github.com/gmhmac/hmacsign/hmacsign/scheme/tencentkeypair"
)

// schemeFlags are the options of schemes, for signing and for verifying.
type schemeFlags struct {
	queryForm       string // for verifying several, separated by commas
	contentMD5      string // for signing
	region, service string // likewise, of a derived key
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

// signing is the scheme of a name, to sign with.
func (f *schemeFlags) signing(name string) (hmacsign.Scheme, error) {
	s, err := hmacsign.SchemeByName(name)
	if err != nil {
		return nil, usageError{err}
	}
	form, err := tencentapp.ParseQueryForm(f.queryForm)
	if err != nil {
		return nil, usageError{err}
	}
	md5, err := tencentapp.ParseContentMD5(f.contentMD5)
	if err != nil {
		return nil, usageError{err}
	}
	derived := f.region != "" || f.service != ""
	switch s.(type) {
	case tencentapp.Scheme:
		s = tencentapp.Scheme{Query: form, ContentMD5: md5, KeepEnvironment: f.keepEnvironment}
	case huaweisdk.Scheme:
		if derived {
			if s, err = huaweisdk.Derived(f.region, f.service); err != nil {
				return nil, usageError{err}
			}
			return s, nil
		}
	}
	if derived {
		return nil, usagef("--region and --service are for scheme %s", hmacsign.HuaweiSDK.Name())
	}
	return s, nil
}

// verifying is every scheme, to verify with.
func (f *schemeFlags) verifying() (all []hmacsign.Scheme, err error) {
	forms, err := f.forms()
	if err != nil {
		return nil, err
	}
	for _, s := range hmacsign.Schemes() {
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
