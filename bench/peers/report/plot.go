package main

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"image/color"
	"path/filepath"
	"slices"
	"strings"

	emmansun "github.com/emmansun/gmsm/sm3"
	tjfoc "github.com/tjfoc/gmsm/sm3"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

var colors = []color.Color{color.RGBA{0x1f, 0x77, 0xb4, 255}, color.RGBA{0xff, 0x7f, 0x0e, 255}, color.RGBA{0x7f, 0x7f, 0x7f, 255}, color.RGBA{0x2c, 0xa0, 0x2c, 255}}

// The sans-serif font has the widths of Arial, which a browser is likely to have.
func init() { plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"} }

// attempt returns the Markdown that draw returns, of a report that goes on where a
// plot fails.
func (r *report) attempt(draw func() (string, error)) string {
	text, err := draw()
	if err != nil {
		r.warn("left out a plot: %v", err)
	}
	return text
}

// plotThroughput draws MB/s over the size of the message.
func (r *report) plotThroughput() (string, error) {
	sizes := []int{64, 256, 1024, 4096, 16384, 65536}
	libraries := []struct {
		name    string
		newHash func() hash.Hash
	}{{"hmacsign", digest()}, {"emmansun/gmsm", emmansun.New}, {"tjfoc/gmsm", tjfoc.New}, {"SHA-256, standard library", sha256.New}}
	lines := make([]plotter.XYs, len(libraries))
	for _, size := range sizes {
		var subjects []subject
		for _, l := range libraries {
			subjects = append(subjects, stream(l.name, l.newHash, size))
		}
		for i, s := range r.measure(subjects...) {
			median, _, _ := quantiles(s.times)
			lines[i] = append(lines[i], plotter.XY{X: float64(size), Y: float64(size) / median * 1e3})
		}
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = "One stream", "bytes of the message", "MB/s (more is better)"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.Legend.Padding, p.Title.Padding = vg.Millimeter, 3*vg.Millimeter
	for i, xys := range lines {
		line, points, err := plotter.NewLinePoints(xys)
		if err != nil {
			return "", err
		}
		line.Color, points.Color = colors[i], colors[i]
		line.Width = vg.Points(1.5)
		p.Add(line, points)
		p.Legend.Add(libraries[i].name, line, points)
	}
	p.Y.Min = min(30, p.Y.Min) // room for the legend
	p.Add(plotter.NewGrid())
	return "![Throughput over size](throughput.svg)\n", p.Save(18*vg.Centimeter, 11*vg.Centimeter, filepath.Join(r.out, "throughput.svg"))
}

// plotMACs draws what a MAC of 150 bytes takes.
func (r *report) plotMACs() (string, error) {
	var names []string
	var values []float64
	for _, s := range r.macced {
		median, _, _ := quantiles(s.times)
		name := strings.TrimSuffix(strings.ReplaceAll(s.name, "`", ""), " per MAC")
		names, values = append(names, name), append(values, median)
	}
	return "![Nanoseconds per MAC](mac.svg)\n", bars(filepath.Join(r.out, "mac.svg"), "HMAC-SM3 of 150 bytes", "ns per MAC (less is better)", names, values)
}

// plotRequests measures and draws how many requests each signer signs.
func (r *report) plotRequests() (string, error) {
	var names []string
	var values []float64
	var table strings.Builder
	for _, s := range r.measure(signers()...) {
		median, _, _ := quantiles(s.times)
		fmt.Fprintf(&table, "| %s | %.0f |\n", s.name, 1e9/median)
		names, values = append(names, s.name), append(values, 1e9/median)
	}
	text := "![Requests per second](requests.svg)\n\n| signer | requests/s, median |\n|---|---|\n" + table.String()
	return text, bars(filepath.Join(r.out, "requests.svg"), "Requests signed per second per core", "requests/s", names, values)
}

// bars draws a horizontal bar for each value, the first at the top.
func bars(file, title, unit string, names []string, values []float64) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text = title, unit
	turned := make(plotter.Values, len(values))
	labels := make([]string, len(values))
	for i := range values {
		turned[len(values)-1-i], labels[len(values)-1-i] = values[i], names[i]+"   "
	}
	chart, err := plotter.NewBarChart(turned, vg.Points(14))
	if err != nil {
		return err
	}
	chart.Horizontal, chart.Color, chart.LineStyle.Width = true, colors[0], 0
	p.Add(chart)
	p.NominalY(labels...)
	p.X.Min, p.X.Max = 0, slices.Max(values)*1.12
	p.Title.Padding = 3 * vg.Millimeter
	return p.Save(18*vg.Centimeter, vg.Length(3+len(values))*vg.Centimeter, file)
}
