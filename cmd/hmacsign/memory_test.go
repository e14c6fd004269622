//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// peakMiB is the most memory that a process has had resident.
func peakMiB(t *testing.T, pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return float64(n) / 1024
}

// forged is the head of a request of a known key with a signature that is wrong,
// for which the body has to be read before the signature can be told.
func forged(scheme hmacsign.Scheme, contentType string, length int) string {
	now := time.Now().UTC()
	auth := `hmac id="test-key", algorithm="hmac-sm3", headers="x-date", signature="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`
	if scheme == hmacsign.HuaweiSDK {
		auth = "SDK-HMAC-SM3 Access=test-key, SignedHeaders=host;x-sdk-date, Signature=" + strings.Repeat("0", 64)
	}
	return fmt.Sprintf("POST /a HTTP/1.1\r\nHost: h\r\nX-Date: %s\r\nX-Sdk-Date: %s\r\nAuthorization: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		now.Format(http.TimeFormat), now.Format("20060102T150405Z"), auth, contentType, length)
}

// Whatever strangers send, the process holds no more than its budget, and serves
// the others. HMACSIGN_MEMORY=1 (make memory) sends as much as it takes to fill
// the budget that serve has by default.
func TestServeMemory(t *testing.T) {
	budget, clients, size, idle := 24<<20, 24, 4<<20, 200
	if os.Getenv("HMACSIGN_MEMORY") != "" {
		budget, clients, size, idle = hmacsign.DefaultMaxBuffered, 200, 10<<20, 1000
	}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer upstream.Close()
	limit := float64(budget)/(1<<20) + 64
	program := builtCommand(t)
	start := func() *process {
		return startProcess(t, program, writeFile(t, keysText), upstream.URL, "--max-buffered", strconv.Itoa(budget))
	}
	honest := func(p *process) {
		req, err := http.NewRequest("POST", "http://"+p.addr+"/a", strings.NewReader("a=1"))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		signer, err := hmacsign.NewSigner(hmacsign.TencentApp, "hmac-sm3", hmacsign.Credential{KeyID: "test-key", Secret: hmacsign.Secret(testSecret)})
		require.NoError(t, err)
		resp, err := (&http.Client{Transport: signer.Transport(nil), Timeout: time.Minute}).Do(req)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, 200, resp.StatusCode)
	}
	for _, c := range []struct {
		what, contentType string
		scheme            hmacsign.Scheme
	}{{"forms", "application/x-www-form-urlencoded", hmacsign.TencentApp}, {"bodies without a digest", "text/plain", hmacsign.TencentApp}, {"huawei-sdk bodies", "text/plain", hmacsign.HuaweiSDK}} {
		p := start()
		before := peakMiB(t, p.Process.Pid)
		body := bytes.Repeat([]byte("a-name=and-its-value&"), 200)
		body = append(body, bytes.Repeat([]byte("x"), size-len(body))...)
		var wg sync.WaitGroup
		var mu sync.Mutex
		answers := map[string]int{}
		for range clients {
			wg.Go(func() {
				answer := "no answer"
				defer func() { mu.Lock(); answers[answer]++; mu.Unlock() }()
				conn, err := net.Dial("tcp", p.addr)
				if err != nil {
					return
				}
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(5 * time.Minute))
				go func() { // the answer may come before all of it was taken
					io.WriteString(conn, forged(c.scheme, c.contentType, size))
					conn.Write(body)
				}()
				if line, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
					answer = strings.TrimSpace(line)
				}
			})
		}
		wg.Wait()
		peak := peakMiB(t, p.Process.Pid)
		t.Logf("%d %s of %d MiB with a wrong signature at once, budget %d MiB: resident %.0f MiB at first, %.0f at most; answers %v", clients, c.what, size>>20, budget>>20, before, peak, answers)
		require.Less(t, peak, limit)
		require.NotZero(t, answers["HTTP/1.1 401 Unauthorized"], answers)
		honest(p)
	}

	p := start()
	before := peakMiB(t, p.Process.Pid)
	for range idle {
		conn, err := net.Dial("tcp", p.addr)
		require.NoError(t, err)
		defer conn.Close()
		io.WriteString(conn, forged(hmacsign.TencentApp, "text/plain", 256<<10))
		_, err = conn.Write(make([]byte, 128<<10))
		require.NoError(t, err)
	}
	honest(p)
	time.Sleep(time.Second)
	peak := peakMiB(t, p.Process.Pid)
	t.Logf("%d connections that stopped in the middle of a body, budget %d MiB: resident %.0f MiB at first, %.0f at most", idle, budget>>20, before, peak)
	require.Less(t, peak, limit)
}
