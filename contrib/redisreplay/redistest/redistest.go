//go:build unix

package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

// patience is how long a server may take to do as it is told, on a machine that
// does much else.
const patience = 20 * time.Second

// A Server is a redis-server of a test's own. Its methods end the test when they
// fail; what it leaves behind goes with the test.
type Server struct {
	t       testing.TB
	program []string // its name, and what makes it a sentinel
	port    int
	dir     string
	args    []string
	process *exec.Cmd
	ended   chan struct{} // closed when process is
}

// Start runs redis-server on a free port of 127.0.0.1, without persistence
// unless args, which are the server's own (--name value), say otherwise.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := prepare(t, args)
	s.start()
	return s
}

// prepare is a server that was not started yet.
func prepare(t testing.TB, args []string) *Server {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("needs redis-server (apt-get install redis-server)")
	}
	s := &Server{t: t, program: []string{path}, port: freePort(t), dir: t.TempDir(), args: args}
	t.Cleanup(s.Kill)
	return s
}

// FromFile runs redis-server with a configuration file as it stands, but for the
// port, the folder, and what args say.
func FromFile(t testing.TB, file string, args ...string) *Server {
	t.Helper()
	s := prepare(t, args)
	text, err := os.ReadFile(file)
	s.check(err)
	file = filepath.Join(s.dir, "redis.conf")
	s.check(os.WriteFile(file, text, 0o600))
	s.program = append(s.program, file)
	s.start()
	return s
}

// freePort is one that nothing listens on.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *Server) start() {
	s.t.Helper()
	args := append(slices.Clone(s.program[1:]), "--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--dir", s.dir,
		"--daemonize", "no", "--logfile", s.logFile(), "--repl-diskless-sync-delay", "0")
	if len(s.program) == 1 {
		args = append(args, "--save", "")
	}
	s.process = exec.Command(s.program[0], append(args, s.args...)...)
	s.check(s.process.Start())
	ended := make(chan struct{})
	s.ended = ended
	go func(process *exec.Cmd) {
		process.Wait() // killed, most often
		close(ended)
	}(s.process)
	s.WaitFor("answers", func() bool {
		select {
		case <-ended:
			log, _ := os.ReadFile(s.logFile())
			s.t.Fatalf("redis-server %v ended: %s", s.args, log)
		default:
		}
		_, err := s.Try("PING")
		return err == nil || strings.HasPrefix(err.Error(), "NO") // NOAUTH, NOPERM
	})
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

func (s *Server) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("redistest: %v", err)
	}
}

// Addr is where the server listens: 127.0.0.1 and a port.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// URL is the server's, with the password that --requirepass set.
func (s *Server) URL() string {
	if password := s.password(); password != "" {
		return "redis://:" + password + "@" + s.Addr()
	}
	return "redis://" + s.Addr()
}

// Dir is the server's folder, where its files and its log are.
func (s *Server) Dir() string { return s.dir }

func (s *Server) password() string {
	if i := slices.Index(s.args, "--requirepass"); i >= 0 && i+1 < len(s.args) {
		return s.args[i+1]
	}
	return ""
}

// Do sends one command over a connection of its own and returns the answer as
// text; the parts of an array stand on lines of their own.
func (s *Server) Do(command ...string) string {
	s.t.Helper()
	text, err := s.Try(command...)
	if err != nil {
		s.t.Fatalf("redistest: %s: %v", command[0], err)
	}
	return text
}

// Try is Do for a command that may fail.
func (s *Server) Try(command ...string) (string, error) {
	answers, err := s.try(command)
	return answers[len(answers)-1], err
}

// try sends commands one after the other over one connection. The error is the
// last one's.
func (s *Server) try(commands ...[]string) (answers []string, err error) {
	answers = make([]string, len(commands))
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{s.Addr()}, Password: s.password(), ForceSingleClient: true, DisableCache: true, DisableRetry: true, AlwaysRESP2: true,
		PipelineMultiplex: -1, ReadBufferEachConn: 4096, WriteBufferEachConn: 4096, RingScaleEachConn: 2,
	})
	if client != nil {
		defer client.Close()
	}
	if err != nil {
		return answers, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for i, command := range commands {
		var answer rueidis.RedisMessage
		if answer, err = client.Do(ctx, client.B().Arbitrary(command...).Build().ToPipe()).ToMessage(); err == nil {
			answers[i] = text(answer)
		} else if rueidis.IsRedisNil(err) {
			err = nil
		}
	}
	return answers, err
}

func text(m rueidis.RedisMessage) string {
	if values, err := m.ToArray(); err == nil {
		lines := make([]string, len(values))
		for i, value := range values {
			lines[i] = text(value)
		}
		return strings.Join(lines, "\n")
	}
	if n, err := m.ToInt64(); err == nil {
		return strconv.FormatInt(n, 10)
	}
	line, _ := m.ToString()
	return line
}

// WaitFor waits until a condition holds.
func (s *Server) WaitFor(what string, holds func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			log, _ := os.ReadFile(s.logFile())
			s.t.Fatalf("redistest: %s: not so within %v: %s\n%s", s.Addr(), patience, what, log)
		}
	}
}

// Pause stops the server where it is (SIGSTOP): connections stay open, and the
// system accepts new ones, but nothing is answered.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume undoes Pause. What was sent meanwhile is carried out.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(which syscall.Signal) {
	s.t.Helper()
	s.check(s.process.Process.Signal(which))
}

// Kill ends the server at once (SIGKILL), if it runs.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop ends the server in good order (SIGTERM), if it runs.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

func (s *Server) end(how syscall.Signal) {
	if s.process == nil {
		return
	}
	s.process.Process.Signal(how) // an error says that it has ended
	<-s.ended
	s.process = nil
}

// Restart starts a server that was ended anew: same port, folder and arguments,
// and so the data that it wrote there.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	s.start()
}

// Replica starts a replica and waits until it has this server's data.
func (s *Server) Replica(args ...string) *Server {
	s.t.Helper()
	if password := s.password(); password != "" {
		args = append(args, "--masterauth", password, "--requirepass", password)
	}
	r := Start(s.t, append(args, "--replicaof", "127.0.0.1 "+strconv.Itoa(s.port))...)
	r.WaitFor("is a replica in step", func() bool { return strings.Contains(r.Do("INFO", "replication"), "master_link_status:up") })
	s.waitForReplica()
	return r
}

// waitForReplica waits until a replica confirms a write, which takes longer than
// until it is online.
func (s *Server) waitForReplica() {
	s.t.Helper()
	s.WaitFor("has a replica that confirms", func() bool {
		answers, err := s.try([]string{"PUBLISH", "redistest", "a write"}, []string{"WAIT", "1", "100"})
		return err == nil && answers[1] != "0"
	})
}

// Promote makes a replica a master.
func (s *Server) Promote() {
	s.t.Helper()
	s.Do("REPLICAOF", "NO", "ONE")
}

// Sentinel starts a sentinel that watches a master under a name and, alone,
// replaces it when it was not there for 300 ms.
func Sentinel(t testing.TB, name string, master *Server) *Server {
	t.Helper()
	s := prepare(t, nil)
	file := filepath.Join(s.dir, "sentinel.conf")
	lines := fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]d 1\nsentinel down-after-milliseconds %[1]s 300\nsentinel failover-timeout %[1]s 3000\n", name, master.port)
	if password := master.password(); password != "" {
		lines += fmt.Sprintf("sentinel auth-pass %s %s\n", name, password)
	}
	s.check(os.WriteFile(file, []byte(lines), 0o600))
	s.program = append(s.program, file, "--sentinel")
	s.start()
	s.Do("SENTINEL", "DEBUG", "INFO-PERIOD", "500") // ten seconds else
	return s
}

// Cluster starts a cluster of so many masters, which share the slots evenly.
func Cluster(t testing.TB, masters int, args ...string) []*Server {
	t.Helper()
	nodes := make([]*Server, masters)
	for i := range nodes {
		bus := strconv.Itoa(freePort(t))
		nodes[i] = Start(t, append([]string{"--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "1000"}, args...)...)
		first, last := i*slots/masters, (i+1)*slots/masters-1
		nodes[i].Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(first), strconv.Itoa(last))
		nodes[i].Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		if i > 0 {
			nodes[i].Do("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(nodes[0].port), nodes[0].busPort())
		}
	}
	for _, node := range nodes {
		node.WaitFor("has a whole cluster", func() bool {
			info := node.Do("CLUSTER", "INFO")
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_size:%d\r", masters))
		})
	}
	return nodes
}

const slots = 16384

// Join makes a server that was started for a cluster a replica of one of its
// masters, and waits until that has it.
func (s *Server) Join(master *Server) {
	s.t.Helper()
	s.Do("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(master.port), master.busPort())
	id := master.Do("CLUSTER", "MYID")
	s.WaitFor("knows the master", func() bool { _, err := s.Try("CLUSTER", "REPLICATE", id); return err == nil })
	master.waitForReplica()
}

func (s *Server) busPort() string { return s.args[slices.Index(s.args, "--cluster-port")+1] }
