//go:build tencentsm && cgo

package sm3cgo

import (
	"errors"
	"fmt"
	"os"
)

var errLicense = errors.New("a license is an app id with a token, or with a certificate")

func (l License) check() error {
	if l.AppID == "" || (l.Token == "") == (len(l.Cert) == 0) {
		return errLicense
	}
	return nil
}

// licenseFromEnv returns the license of the environment; ok is false if there
// is none.
func licenseFromEnv() (l License, ok bool, err error) {
	l = License{AppID: os.Getenv(EnvAppID), Token: os.Getenv(EnvToken), BundleID: os.Getenv(EnvBundleID)}
	if file := os.Getenv(EnvCertFile); file != "" {
		if l.Cert, err = os.ReadFile(file); err != nil {
			return License{}, false, fmt.Errorf("%s: %w", EnvCertFile, err)
		}
	}
	if l.AppID == "" && l.Token == "" && l.Cert == nil {
		return License{}, false, nil
	}
	if err := l.check(); err != nil {
		return License{}, false, fmt.Errorf("%s, %s and %s: %w", EnvAppID, EnvToken, EnvCertFile, err)
	}
	return l, true, nil
}
