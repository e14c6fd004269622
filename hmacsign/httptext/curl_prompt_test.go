package httptext

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A command is known behind the prompt that was copied with it, and behind printf.
func TestParsePrompts(t *testing.T) {
	for _, prompt := range []string{
		"", "$ ", "# ", "% ", "> ", "PS C:\\> ", "PS C:\\Users\\a b> ", "PS > ", "C:\\>", "C:\\Users\\a b> ", "user@host:~$ ", "root@host:/etc# ", "[user@host a b]$ ",
		"(base) user@host ~ % ", "bash-5.1$ ", "user@host:~/a$ /usr/bin/",
	} {
		r, err := Parse([]byte(prompt + "curl http://h/a"))
		require.NoError(t, err, prompt)
		require.Equal(t, "/a", r.Target, prompt)
	}
	for _, command := range []string{
		"printf 'a b' | curl --data-binary @- http://h/a", "user@host:~$ printf 'a b' | curl --data-binary @- http://h/a", "$ {\nprintf 'a '\nprintf b\n} | curl --data-binary @- http://h/a",
	} {
		r, err := Parse([]byte(command))
		require.NoError(t, err, command)
		require.Equal(t, "a b", string(r.Body), command)
	}
	r, err := Parse([]byte("C:\\> curl \"http://h/?a^&b\" -d \"c^\"")) // cmd.exe keeps ^ in quotes
	require.NoError(t, err)
	require.Equal(t, "/?a^&b", r.Target)
	_, err = Parse([]byte("curl http://h/a # curl http://h/b"))
	require.ErrorContains(t, err, "comment")
	for _, other := range []string{"echo '$ curl http://h/a'", "true; # curl http://h/a", "user@host:~$ wget http://h/a", "curler http://h/a"} {
		_, err := Parse([]byte(other))
		require.Error(t, err, other)
	}
}
