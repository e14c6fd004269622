package main

import (
	"net/http/httptest"
	"testing"

	"github.com/gmhmac/hmacsign/examples/internal/routing"
)

func TestServer(t *testing.T) {
	server := httptest.NewServer(newHandler(routing.Verifier(t)))
	defer server.Close()
	routing.Test(t, server.Listener.Addr().String())
}
