//go:build !linux

package sqltest

import "testing"

// Postgres skips the test: the server is run on Linux alone.
func Postgres(t testing.TB) *Server {
	t.Helper()
	t.Skip("needs Linux and postgres (apt-get install postgresql)")
	return nil
}

// A Server is a database server that a test has started.
type Server struct{}

// DSN is that of the superuser, in the form of libpq.
func (s *Server) DSN() string { return "" }

// As is the DSN of another user with a password.
func (s *Server) As(user, password string) string { return "" }

// Pause stops all of the server's processes where they are, as SIGSTOP does.
func (s *Server) Pause() {}

// Resume lets them go on.
func (s *Server) Resume() {}

// Kill ends the server as a power cut does.
func (s *Server) Kill() {}

// Start starts the server again after [Server.Kill].
func (s *Server) Start() {}
