package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/gmhmac/hmacsign/algo"
	"github.com/gmhmac/hmacsign/algo/sm3cgo"
	_ "github.com/gmhmac/hmacsign/algo/sm3openssl" // where the build is tagged for it
	"github.com/gmhmac/hmacsign/internal/buildinfo"
)

func runAlgorithms(c *command, args []string, io *streams) error {
	fs := new(flag.FlagSet)
	output := fs.String("output", "table", "`table|json`")
	require := fs.String("require", "", "`ALGORITHM=BACKEND`: exit 1 unless that is what runs")
	if _, err := c.parse(fs, args, io, 0); err != nil {
		return err
	}
	var unmet error
	if *require != "" {
		algorithm, backend, ok := strings.Cut(*require, "=")
		if !ok || backend == "" {
			return usagef("algorithms: --require %q: write it as hmac-sm3=tencentsm", *require)
		}
		unmet = algo.Require(algorithm, backend)
	}
	infos := []algo.Info{}
	for _, name := range algo.Algorithms() {
		infos = append(infos, algo.Backends(name)...)
	}
	switch *output {
	case "json":
		e := json.NewEncoder(io.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(struct {
			Build      build       `json:"build"`
			Algorithms []algo.Info `json:"algorithms"`
		}{buildInfo(), infos}); err != nil {
			return err
		}
	case "table":
		w := tabwriter.NewWriter(io.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ALGORITHM\tBACKEND\tAVAILABLE\tSELECTED\tSELF-TEST\tVERSION\tDETAIL")
		for _, i := range infos {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i.Algorithm, i.Backend, yes(i.Available), yes(i.Selected), i.SelfTest, i.Version, i.Detail)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	default:
		return usagef("algorithms: --output %q: use table or json", *output)
	}
	return unmet
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// build is how this program was built, as the Go toolchain recorded it.
type build struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Tags     string `json:"tags"`
	Cgo      bool   `json:"cgo"`
	// TencentSM is what the tag tencentsm linked, null without it.
	TencentSM *sm3cgo.Library `json:"tencentsm"`
}

func buildInfo() build {
	b := build{Version: buildinfo.Version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Tags: buildinfo.Setting("-tags"), Cgo: buildinfo.Setting("CGO_ENABLED") == "1"}
	if sm3cgo.Enabled {
		linked := sm3cgo.Linked()
		b.TencentSM = &linked
	}
	return b
}

func runVersion(c *command, args []string, io *streams) error {
	if _, err := c.parse(new(flag.FlagSet), args, io, 0); err != nil {
		return err
	}
	b := buildInfo()
	_, err := fmt.Fprintf(io.out, "hmacsign %s %s %s tags=%q cgo=%t\n", b.Version, b.Go, b.Platform, b.Tags, b.Cgo)
	return err
}
