//go:build !man

package main

import "github.com/spf13/cobra"

// forBuild is empty where no man pages are written.
func forBuild(*streams) []*cobra.Command { return nil }
