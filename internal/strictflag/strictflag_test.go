package strictflag

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

func TestMake(t *testing.T) {
	for args, want := range map[string]string{
		"--name x --on --n 2": "", "--name=x --on=false": "", "--name x": "", "": "",
		"--name=": "it is empty", "--on=": "it is empty", "--name x --name x": "there twice", "--on --on=true": "there twice", "--name x --name=": "it is empty", "--n 1 --n 2": "there twice", "--n x": "invalid", "--on=maybe": "invalid",
	} {
		fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
		fs.SetOutput(io.Discard)
		name, on := fs.String("name", "default", ""), fs.Bool("on", false, "")
		fs.Int("n", 1, "")
		given := Make(fs)
		err := fs.Parse(strings.Fields(args))
		if want != "" {
			require.ErrorContains(t, err, want, args)
			continue
		}
		require.NoError(t, err, args)
		require.Equal(t, strings.Contains(args, "name"), given["name"], args)
		require.Equal(t, strings.Contains(args, "name"), *name == "x", args)
		require.Equal(t, strings.HasSuffix(args, "2"), *on, args)
		require.NotPanics(t, fs.PrintDefaults)
	}

	// Help is not told of what a flag of no value does.
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	var help strings.Builder
	fs.SetOutput(&help)
	fs.String("name", "", "a `text`")
	fs.Bool("on", false, "")
	Make(fs)
	fs.PrintDefaults()
	require.NotContains(t, help.String(), "panic")
	require.Contains(t, help.String(), "--name text")
}
