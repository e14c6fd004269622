package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/zalando/go-keyring"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// maxSecretOutput is the most that a secret_command may print.
const maxSecretOutput = 64 << 10

// keyringService is what secrets in the system's keyring are stored under.
const keyringService = "hmacsign"

// secretPatience is how long a command or the keyring may take: somebody may have to
// type a passphrase.
var secretPatience = time.Minute

// A secretPlace is where a profile's secret is.
type secretPlace struct {
	setting string   // secret_env, secret_file, secret_command or secret_keyring
	words   []string // its value
	config  string   // the path of the config file, to which paths are relative
}

// kind is env, file, command or keyring.
func (s secretPlace) kind() string { return strings.TrimPrefix(s.setting, "secret_") }

// asks reports whether reading the secret runs a command or may open a window.
func (s secretPlace) asks() bool { return s.kind() == "command" || s.kind() == "keyring" }

// name is that of the variable, of the file, of the program without its arguments, which
// might have a secret in them, or of the keyring's account.
func (s secretPlace) name() string {
	if s.kind() == "file" || s.kind() == "command" && isPath(s.words[0]) {
		return s.path(s.words[0])
	}
	return s.words[0]
}

func isPath(name string) bool {
	return strings.ContainsFunc(name, func(c rune) bool { return c < 0x80 && os.IsPathSeparator(byte(c)) })
}

// path is a path of the config file's, where ~ is the home and others are relative to the
// config file's folder.
func (s secretPlace) path(name string) string {
	if rest, ok := strings.CutPrefix(name, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(s.config), name)
}

// read is the secret.
func (s secretPlace) read(io *streams) (hmacsign.SecretText, error) {
	switch s.kind() {
	case "env":
		value := os.Getenv(s.name())
		if value == "" {
			return hmacsign.SecretText{}, fmt.Errorf("%s is not set in the environment: set it to the secret", s.name())
		}
		return hmacsign.Secret(value), nil
	case "file":
		return hmacsign.ReadSecretFile(s.name())
	case "command":
		return s.command(io)
	}
	return s.keyring()
}

// check finds what can be told of the place without asking.
func (s secretPlace) check() error {
	if s.kind() != "command" {
		return nil
	}
	if err := ownersOnly(s.config); err != nil {
		return err
	}
	if _, err := exec.LookPath(s.name()); err != nil {
		return fmt.Errorf("secret_command %s is no program that can be run: give the path of one", s.name())
	}
	return nil
}

// command runs the program and takes what it prints.
func (s secretPlace) command(io *streams) (none hmacsign.SecretText, err error) {
	if err := s.check(); err != nil {
		return none, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), secretPatience)
	defer cancel()
	out := limitedOutput{full: cancel}
	defer out.clear()
	cmd := exec.CommandContext(ctx, s.name(), s.words[1:]...)
	cmd.Stdout, cmd.Stderr = &out, io.err
	cmd.WaitDelay = time.Second // for those that it started, agents say, and that keep its output open
	if terminal, err := os.Open(terminalName()); err == nil {
		defer terminal.Close()
		cmd.Stdin = terminal // standard input may be the request's body
	}
	err = cmd.Run()
	var status *exec.ExitError
	switch {
	case out.tooLong:
		return none, fmt.Errorf("secret_command %s prints more than 64 KiB: have it print the secret alone", s.name())
	case ctx.Err() != nil:
		return none, fmt.Errorf("secret_command %s is not done after %s: it was stopped", s.name(), (*duration)(&secretPatience))
	case errors.As(err, &status):
		return none, fmt.Errorf("secret_command %s failed with %s: run it by hand to see why", s.name(), status.ProcessState)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return none, fmt.Errorf("secret_command %s is no program that can be run: give the path of one", s.name())
	}
	return trimmedSecret(out.text, fmt.Errorf("secret_command %s prints nothing: have it print the secret", s.name()))
}

// terminalName is that of the terminal that the user sits at.
func terminalName() string {
	if runtime.GOOS == "windows" {
		return "CONIN$"
	}
	return "/dev/tty"
}

// limitedOutput takes the output of a command.
type limitedOutput struct {
	text    []byte
	tooLong bool
	full    func() // called when there is more
}

func (o *limitedOutput) Write(p []byte) (int, error) {
	if o.tooLong || len(o.text)+len(p) > maxSecretOutput {
		o.tooLong = true
		o.full()
		return 0, io.ErrShortWrite
	}
	if o.text == nil {
		o.text = make([]byte, 0, maxSecretOutput) // not moved, so that all of it is cleared
	}
	o.text = append(o.text, p...)
	return len(p), nil
}

func (o *limitedOutput) clear() { clear(o.text) }

// keyring asks the system's keyring.
func (s secretPlace) keyring() (none hmacsign.SecretText, err error) {
	type answer struct {
		value string
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		value, err := keyring.Get(keyringService, s.name())
		answered <- answer{value, err}
	}()
	var a answer
	select {
	case a = <-answered:
	case <-time.After(secretPatience):
		return none, fmt.Errorf("the keyring did not answer within %s: unlock it", (*duration)(&secretPatience))
	}
	switch {
	case errors.Is(a.err, keyring.ErrNotFound):
		return none, fmt.Errorf("the keyring has no secret of service %s and account %q: put it there as hmacsign profile --help shows", keyringService, s.name())
	case a.err != nil:
		return none, errors.New("the system's keyring cannot be opened: see that it runs and is unlocked, or name the secret with secret_file or secret_command")
	}
	return trimmedSecret([]byte(keyringText(a.value)), fmt.Errorf("the secret of account %q in the keyring is empty: put it there again", s.name()))
}

// keyringText is what a keyring has as text: Windows' own programs store UTF-16.
func keyringText(value string) string {
	if len(value)%2 != 0 || !strings.Contains(value, "\x00") {
		return value
	}
	units := make([]uint16, len(value)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16([]byte(value[2*i:]))
	}
	return string(utf16.Decode(units))
}

// trimmedSecret is without one newline at its end, as in secret files.
func trimmedSecret(text []byte, empty error) (hmacsign.SecretText, error) {
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if len(text) == 0 {
		return hmacsign.SecretText{}, empty
	}
	return hmacsign.Secret(string(text)), nil
}
