package main

import (
	"errors"
	"io"
	"log"

	"github.com/spf13/cobra"
)

// sendFlags are those of sign, and of the transfer.
type sendFlags struct {
	requestFlags
	transferFlags
}

func newSend(io *streams) *cobra.Command {
	f := new(sendFlags)
	c := &cobra.Command{
		Use:   "send [flags] URL",
		Short: "Signs a request, sends it and prints the response.",
		Args:  arguments(0, "URL"),
		RunE:  func(_ *cobra.Command, args []string) error { return f.quiet(f.run(args, io)) },
	}
	f.add(c.Flags())
	f.complete(c)
	f.addTransfer(c.Flags())
	refuseOthers(c.Flags())
	return c
}

// silence is an error that is not told, but is one.
type silence struct{ error }

func (s silence) Is(target error) bool { return target == errSilent }
func (s silence) Unwrap() error        { return s.error }

// quiet keeps an error silent where -s asks for it, but for those of usage.
func (f *transferFlags) quiet(err error) error {
	if err == nil || !f.silent || f.showError || errors.As(err, new(usageError)) {
		return err
	}
	return silence{err}
}

func (f *sendFlags) run(args []string, streams *streams) error {
	if err := f.checkTransfer(); err != nil {
		return err
	}
	format, err := parseWriteOut(f.writeOut, streams.readFile)
	if err != nil {
		return err
	}
	first, signer, err := f.prepare(args, streams)
	if err != nil {
		return err
	}
	if !f.silent {
		first.tellForm(streams)
	}
	t, err := f.newTransfer(first, signer, streams)
	if err != nil {
		return err
	}
	defer t.transport.CloseIdleConnections()
	log.SetOutput(io.Discard) // where net/http tells of what servers send unasked
	err = t.retrying()
	format.print(streams, t.report)
	return err
}
