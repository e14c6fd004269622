package main

import (
	"crypto/sha256"
	"hash"
	"image/color"
	"path/filepath"
	"slices"

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

// plotThroughput draws MB/s over the size of the message.
func plotThroughput() error {
	sizes := []int{64, 256, 1024, 4096, 16384, 65536}
	libraries := []struct {
		name    string
		newHash func() hash.Hash
	}{{"hmacsign", ours}, {"emmansun/gmsm", emmansun.New}, {"tjfoc/gmsm", tjfoc.New}, {"SHA-256, standard library", sha256.New}}
	lines := make([]plotter.XYs, len(libraries))
	for _, size := range sizes {
		var subjects []subject
		for _, l := range libraries {
			subjects = append(subjects, stream(l.name, l.newHash, size))
		}
		for i, times := range measure(subjects...) {
			median, _, _ := quantiles(times)
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
			return err
		}
		line.Color, points.Color = colors[i], colors[i]
		line.Width = vg.Points(1.5)
		p.Add(line, points)
		p.Legend.Add(libraries[i].name, line, points)
	}
	p.Y.Min = 30 // room for the legend
	p.Add(plotter.NewGrid())
	return p.Save(18*vg.Centimeter, 11*vg.Centimeter, filepath.Join(*out, "throughput.svg"))
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
