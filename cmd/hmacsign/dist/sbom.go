package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// writeSBOM writes a binary's parts as CycloneDX, Go's library first. Its serial number is made of the
// binary's sum, so that the same binary has the same.
func (s *source) writeSBOM(name string, p platform, binary string, modules []*module) error {
	content, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	main := component(cdx.ComponentTypeApplication, &module{path: "github.com/gmhmac/hmacsign", version: s.version, licences: []string{"Apache-2.0"}})
	main.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}}
	main.Properties = &[]cdx.Property{
		{Name: "cdx:gomod:build:env:GOOS", Value: p.os}, {Name: "cdx:gomod:build:env:GOARCH", Value: p.arch},
		{Name: "cdx:gomod:build:env:CGO_ENABLED", Value: "0"}, {Name: "cdx:gomod:build:env:GOVERSION", Value: "go" + modules[0].version},
	}
	var parts []cdx.Component
	var refs []string
	for _, m := range modules {
		part := component(cdx.ComponentTypeLibrary, m)
		parts, refs = append(parts, part), append(refs, part.BOMRef)
	}
	bom := cdx.NewBOM()
	bom.SerialNumber = serialNumber(sum)
	bom.Metadata = &cdx.Metadata{Timestamp: s.time.Format(time.RFC3339), Component: &main}
	bom.Components = &parts
	bom.Dependencies = &[]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}
	return writeFile(name, func(w io.Writer) error {
		return cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6)
	})
}

func component(kind cdx.ComponentType, m *module) cdx.Component {
	url := "pkg:golang/" + m.path + "@" + m.version
	c := cdx.Component{BOMRef: url, Type: kind, Name: m.path, Version: m.version, PackageURL: url, Licenses: new(cdx.Licenses)}
	for _, id := range m.licences {
		*c.Licenses = append(*c.Licenses, cdx.LicenseChoice{License: &cdx.License{ID: id}})
	}
	// Go's sum of a module, as go.sum has it, is one of SHA-256 in base64.
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.sum, "h1:")); err == nil && len(sum) > 0 {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
	}
	return c
}

// serialNumber is a UUID of the kind that is made of one's own bytes (version 8).
func serialNumber(sum [32]byte) string {
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
