package main

import (
	"testing"

	"github.com/gmhmac/hmacsign/examples/internal/routing"
)

func TestServer(t *testing.T) { routing.Test(t, newHandler) }
