package sqltest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	superuser = "tester"
	password  = "sqltest-password"
	patience  = 30 * time.Second
)

// A Server is a PostgreSQL that a test has started.
type Server struct {
	t      testing.TB
	bin    string // folder of the server's programs
	dir    string // of the data, the socket and the log
	runAs  *syscall.Credential
	server *exec.Cmd
	ended  chan struct{}
}

// Postgres starts a PostgreSQL that ends with the test, or skips the test where
// none is installed. Connections are by Unix socket with a password.
func Postgres(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, bin: programs()}
	if s.bin == "" {
		t.Skip("needs postgres (apt-get install postgresql)")
	}
	s.asUser()
	s.makeDir()
	passwordFile := filepath.Join(s.dir, "password")
	s.check(os.WriteFile(passwordFile, []byte(password), 0o644))
	s.run("initdb", "-D", s.data(), "-U", superuser, "--pwfile="+passwordFile, "--auth=scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync")
	s.Start()
	t.Cleanup(s.stop)
	return s
}

// programs finds the folder with initdb and postgres, the newest of Debian's.
func programs() string {
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(folders, func(a, b string) int { return version(b) - version(a) })
	if path, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(folder, "initdb")); err == nil {
			return folder
		}
	}
	return ""
}

func version(folder string) int {
	number, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	return number
}

// asUser finds who the server runs as: it refuses to be root.
func (s *Server) asUser() {
	if os.Geteuid() != 0 {
		return
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.ParseUint(u.Uid, 10, 32)
			gid, _ := strconv.ParseUint(u.Gid, 10, 32)
			s.runAs = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
			return
		}
	}
	s.t.Skip("needs a user postgres or nobody: PostgreSQL does not run as root")
}

// makeDir makes a folder that the server's user can reach, as it may not in TMPDIR
// or in t.TempDir, and whose path is short enough for a socket.
func (s *Server) makeDir() {
	dir, err := os.MkdirTemp("/tmp", "sqltest")
	s.check(err)
	s.t.Cleanup(func() { os.RemoveAll(dir) })
	s.dir = dir
	if s.runAs != nil {
		s.check(os.Chown(dir, int(s.runAs.Uid), int(s.runAs.Gid)))
	}
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + s.bin, "LC_ALL=C", "PGCONNECT_TIMEOUT=2"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.runAs}
	return cmd
}

func (s *Server) run(program string, args ...string) {
	s.t.Helper()
	if out, err := s.command(program, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// DSN is that of the superuser, in the form of libpq.
func (s *Server) DSN() string { return s.As(superuser, password) }

// As is the DSN of another user with a password.
func (s *Server) As(user, password string) string {
	return fmt.Sprintf("host='%s' user='%s' password='%s' dbname=postgres", s.dir, user, password)
}

// Start starts the server again after [Server.Kill].
func (s *Server) Start() {
	s.t.Helper()
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	s.check(err)
	defer log.Close()
	s.server = s.command("postgres", "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB")
	s.server.Stdout, s.server.Stderr = log, log
	s.server.SysProcAttr.Pdeathsig = syscall.SIGQUIT // where the test's process is killed
	s.check(s.server.Start())
	s.ended = make(chan struct{})
	go func(server *exec.Cmd, ended chan struct{}) { server.Wait(); close(ended) }(s.server, s.ended)
	for deadline := time.Now().Add(patience); s.command("pg_isready", "-q", "-h", s.dir).Run() != nil; {
		select {
		case <-s.ended:
			s.t.Fatalf("postgres ended:\n%s", s.log())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("postgres is not ready after %v:\n%s", patience, s.log())
		}
	}
}

func (s *Server) log() string {
	file, err := os.Open(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	text, _ := io.ReadAll(io.LimitReader(file, 1<<16))
	return string(text)
}

// processes are the server's own id and its children's, which have groups of
// their own.
func (s *Server) processes() []int {
	pids := []int{s.server.Process.Pid}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, _ := os.ReadFile(path) // pid (name) state parent ...
		_, rest, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(pids[0]) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// signal reaches no other process that has the number of one that ended.
func (s *Server) signal(signal syscall.Signal) {
	select {
	case <-s.ended:
		return
	default:
	}
	for _, pid := range s.processes() {
		syscall.Kill(pid, signal)
	}
}

// Pause stops all of the server's processes where they are, as SIGSTOP does.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume lets them go on.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

// Kill ends the server as a power cut does.
func (s *Server) Kill() {
	s.signal(syscall.SIGKILL)
	<-s.ended
}

// stop ends the server in order, and if it does not end in time, by force.
func (s *Server) stop() {
	s.Resume()
	s.server.Process.Signal(syscall.SIGINT)
	select {
	case <-s.ended:
	case <-time.After(patience):
		s.Kill()
	}
}
