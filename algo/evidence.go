package algo

import (
	"crypto/fips140"
	"os"
	"runtime"
	"time"

	"github.com/gmhmac/hmacsign/internal/buildinfo"
)

// Evidence is what an auditor asks of a process: which code computes MACs, from
// which files, on what machine, and what it was told to require. What could not
// be found out says why in its place.
type Evidence struct {
	Time time.Time `json:"time"`
	Host string    `json:"host"`

	Platform          string   `json:"platform"` // GOOS/GOARCH
	Kernel            string   `json:"kernel"`   // release and version
	Processor         string   `json:"processor"`
	ProcessorFeatures []string `json:"processor_features"` // of those that digests use

	Program       LoadedModule      `json:"program"`
	Go            string            `json:"go"`
	MainModule    string            `json:"main_module"`
	MainVersion   string            `json:"main_version"`
	Modules       []LinkedModule    `json:"modules"`
	BuildSettings map[string]string `json:"build_settings"` // -tags, CGO_ENABLED, vcs.revision
	FIPS140       bool              `json:"fips140"`        // Go's own cryptographic module runs in FIPS 140-3 mode
	Environment   map[string]string `json:"environment"`    // the variables that are set and change which code runs

	Required      map[string]string `json:"required"` // as [Required] has it
	RequiredError string            `json:"required_error,omitempty"`
	SecretBits    int               `json:"secret_bits"` // what [RequireSecretBits] demands, 0 for nothing

	Algorithms []BackendEvidence `json:"algorithms"` // each backend of each algorithm, as [Backends] has it
}

// BackendEvidence is a backend and the file that its code was loaded from.
type BackendEvidence struct {
	Info
	Module LoadedModule `json:"module"`
}

// LoadedModule is a [Module], or why it is not known.
type LoadedModule struct {
	Module
	Error string `json:"error,omitempty"`
}

// LinkedModule is a Go module whose code is in the program. Where it was
// replaced, the sum is the replacement's.
type LinkedModule struct {
	Path       string `json:"path"`
	Version    string `json:"version"`
	Sum        string `json:"sum"`
	ReplacedBy string `json:"replaced_by,omitempty"` // path and version
}

// environment is what changes which code runs, here or in the loader.
var environment = []string{"GODEBUG", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "DYLD_LIBRARY_PATH", RequireEnv, RequireSecretBitsEnv}

// NewEvidence collects the evidence as it is now. Like [Backends] it asks every
// backend.
func NewEvidence(now time.Time) *Evidence { return newEvidence(now, backends) }

func newEvidence(now time.Time, r *registry) *Evidence {
	e := &Evidence{Time: now, Platform: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), FIPS140: fips140.Enabled(),
		Program: loaded(Program()), BuildSettings: map[string]string{}, Environment: map[string]string{}}
	var err error
	e.Host, err = os.Hostname()
	e.Host = textOr(e.Host, err)
	e.Kernel = textOr(kernel())
	e.Processor, e.ProcessorFeatures, err = processor()
	e.Processor = textOr(e.Processor, err)
	build := buildinfo.Read()
	e.MainModule, e.MainVersion = build.Main.Path, buildinfo.Version()
	e.Modules = make([]LinkedModule, 0, len(build.Deps))
	for _, m := range build.Deps {
		linked := LinkedModule{Path: m.Path, Version: m.Version, Sum: m.Sum}
		if m.Replace != nil {
			linked.Sum, linked.ReplacedBy = m.Replace.Sum, m.Replace.Path+" "+m.Replace.Version
		}
		e.Modules = append(e.Modules, linked)
	}
	for _, s := range build.Settings {
		e.BuildSettings[s.Key] = s.Value
	}
	for _, name := range environment {
		if value := os.Getenv(name); value != "" {
			e.Environment[name] = value
		}
	}
	if e.Required, err = r.requirements(); err != nil {
		e.RequiredError = err.Error()
	}
	r.mu.RLock()
	e.SecretBits = r.secretBits
	r.mu.RUnlock()
	e.Algorithms = r.evidence()
	return e
}

func (r *registry) evidence() []BackendEvidence {
	all := []BackendEvidence{}
	for _, algorithm := range Algorithms() {
		for _, info := range r.list(algorithm) {
			all = append(all, BackendEvidence{info, loaded(r.loadedFrom(algorithm, info.Backend))})
		}
	}
	return all
}

func loaded(m Module, err error) LoadedModule {
	if err != nil {
		return LoadedModule{Error: err.Error()}
	}
	return LoadedModule{Module: m}
}

// textOr is the text, or why there is none.
func textOr(text string, err error) string {
	if err != nil {
		return "not known: " + err.Error()
	}
	return text
}
