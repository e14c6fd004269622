package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/gmhmac/hmacsign/hmacsign"
)

// The flags in the files are ours, the keys can be read, and the bodies that Envoy sends
// are taken.
func TestDeployFlags(t *testing.T) {
	var compose struct {
		Services map[string]struct{ Command []string }
	}
	read(t, "compose.yaml", func(d *yaml.Decoder) error { return d.Decode(&compose) })
	c := new(config)
	require.NoError(t, c.parse(compose.Services["extauthz"].Command, io.Discard))
	require.GreaterOrEqual(t, c.maxBody, int64(10485760), "max_request_bytes in envoy.yaml")
	require.NotEmpty(t, c.redis)

	found := 0
	read(t, "kubernetes.yaml", func(d *yaml.Decoder) error {
		var document struct {
			Kind       string
			StringData map[string]string `yaml:"stringData"`
			Spec       struct {
				Template struct {
					Spec struct {
						Grace      int `yaml:"terminationGracePeriodSeconds"`
						Containers []struct {
							Args []string
							Env  []struct{ Name string }
						}
					}
				}
			}
		}
		if err := d.Decode(&document); err != nil {
			return err
		}
		switch document.Kind {
		case "Secret":
			_, err := hmacsign.ReadKeys(strings.NewReader(document.StringData["keys.json"]))
			require.NoError(t, err)
			found++
		case "Deployment":
			pod := document.Spec.Template.Spec
			c := new(config)
			require.NoError(t, c.parse(pod.Containers[0].Args, io.Discard))
			require.Equal(t, redisEnv, pod.Containers[0].Env[0].Name)
			require.Greater(t, float64(pod.Grace), (c.server.Drain + 30*time.Second).Seconds(), "calls in hand have 30 s")
			found++
		}
		return nil
	})
	require.Equal(t, 2, found)
	text, err := os.ReadFile("../../deploy/Dockerfile")
	require.NoError(t, err)
	require.Contains(t, string(text), "./cmd/hmacsign-extauthz")
}

// read gives a file's documents to f, one after the other.
func read(t *testing.T, name string, f func(*yaml.Decoder) error) {
	file, err := os.Open("../../deploy/" + name)
	require.NoError(t, err)
	defer file.Close()
	for d := yaml.NewDecoder(file); ; {
		err := f(d)
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		if name == "compose.yaml" {
			return
		}
	}
}
