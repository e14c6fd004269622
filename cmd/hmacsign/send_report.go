package main

import (
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// A report is what --write-out can tell of a try.
type report struct {
	mu    sync.Mutex
	ended bool

	started                                          time.Time
	looked, connected, secured, wroteHead, answering time.Time // of the last exchange
	total, redirectTime                              time.Duration
	retries, redirects, connects                     int
	given, effective, method, scheme, referer        string
	redirectURL, filename                            string
	code                                             int
	proto                                            string
	header                                           http.Header
	headers                                          int
	headerSize, requestSize, uploaded, downloaded    int64
	local, remote                                    net.Addr
	failed                                           error

	heads []string // of answers before the answer, to be printed
}

// locked calls f unless the try has ended.
func (r *report) locked(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		f()
	}
}

func (r *report) end(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended, r.failed, r.total = true, err, time.Since(r.started)
}

// sending takes down the request that is about to be sent.
func (r *report) sending(b *builtRequest, at hop) {
	r.locked(func() {
		r.effective, r.method, r.scheme = at.Target.String(), b.Method, at.Target.Scheme
		r.referer, r.redirects, r.redirectURL = b.Header.Get("Referer"), at.redirects, ""
		r.uploaded = max(0, b.ContentLength)
	})
}

func (r *report) connection(info httptrace.GotConnInfo) {
	if !info.Reused {
		r.connects++
	}
	r.local, r.remote = info.Conn.LocalAddr(), info.Conn.RemoteAddr()
}

// wrote takes down the head of the request.
func (r *report) wrote(line string, lines []string) {
	r.wroteHead = time.Now()
	r.requestSize += int64(len(line)+4) + r.uploaded
	for _, line := range lines {
		r.requestSize += int64(len(line) + 2)
	}
}

func (r *report) answered(resp *http.Response) {
	r.locked(func() {
		r.code, r.proto, r.header, r.headers = resp.StatusCode, resp.Proto, resp.Header, len(headLines(resp))
		r.headerSize += int64(len(headText(resp)))
	})
}

func (r *report) redirected() { r.redirectTime = time.Since(r.started) }
