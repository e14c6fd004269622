package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const maxRetryDelay = 10 * time.Minute

// retrying tries until the answer is not one to try again, as curl does. Each try is
// signed anew: it has a date of its own.
func (t *transfer) retrying() error {
	started := time.Now()
	delay := cmp.Or(t.retryDelay, time.Second)
	for {
		err := t.try()
		problem, again := t.problem(err)
		if !again || t.retried >= t.retries || t.retryMaxTime > 0 && time.Since(started) >= t.retryMaxTime {
			return err
		}
		wait := max(delay, t.retryAfter())
		if t.retryMaxTime > 0 && time.Since(started)+t.retryAfter() > t.retryMaxTime {
			return err
		}
		t.retried++
		if !t.silent {
			t.io.note("%v: trying again in %s, %d times at most", problem, (*duration)(&wait), t.retries-t.retried+1)
		}
		time.Sleep(wait)
		if err := t.out.truncate(); err != nil {
			return err
		}
		if t.retryDelay == 0 {
			delay = min(2*delay, maxRetryDelay)
		}
	}
}

// problem is what makes a try one to be repeated.
func (t *transfer) problem(err error) (problem error, again bool) {
	var f *failure
	switch errors.As(err, &f); {
	case err != nil && f == nil:
		return err, false // of the user's files, or of the flags
	case err == nil || f.kind == refusedStatus:
		if transient(t.report.code) {
			return fmt.Errorf("the server answered %d", t.report.code), true
		}
	case f.kind == timedOut || f.kind == unknownHost:
		return err, true
	case f.kind == refusedConnection && t.retryConnRefused:
		return err, true
	}
	return err, err != nil && t.retryAllErrors
}

func transient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// maxRetryAfter is the longest that a server can make one wait, as curl has it.
const maxRetryAfter = 6 * time.Hour

// retryAfter is the time that the server asks to wait, in seconds or up to a date.
func (t *transfer) retryAfter() time.Duration {
	value := t.report.header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	if date, err := http.ParseTime(value); err == nil {
		return min(time.Until(date), maxRetryAfter)
	}
	return 0
}
