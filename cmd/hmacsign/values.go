package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// duration is a flag's time, in seconds where it has no unit, as curl has it.
type duration time.Duration

func durationVar(fs *pflag.FlagSet, p *time.Duration, name, shorthand string, value time.Duration, usage string) {
	*p = value
	fs.VarP((*duration)(p), name, shorthand, usage)
}

func (d *duration) Set(text string) error {
	parsed, err := time.ParseDuration(text)
	if seconds, notNumber := strconv.ParseFloat(text, 64); notNumber == nil {
		if err = nil; math.Abs(seconds) > math.MaxInt64/float64(time.Second) || math.IsNaN(seconds) {
			err = errors.New("too large")
		}
		parsed = time.Duration(seconds * float64(time.Second))
	}
	if err != nil || parsed < 0 {
		return errors.New("write a time such as 5s, 1m30s, or seconds such as 2.5")
	}
	*d = duration(parsed)
	return nil
}

// String leaves out the zeros that Go's own form ends with: 15m, not 15m0s.
func (d *duration) String() string {
	text := time.Duration(*d).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

func (*duration) Type() string { return "duration" }

// size is a flag's number of bytes.
type size int64

func sizeVar(fs *pflag.FlagSet, p *int64, name string, value int64, usage string) {
	*p = value
	fs.Var((*size)(p), name, usage)
}

const sizeUnits = "kMGT" // each is 1024 of the one before

func (s *size) Set(text string) error {
	number, unit := text, int64(1)
	if n := len(text); n > 0 {
		if i := strings.IndexByte(strings.ToLower(sizeUnits), text[n-1]|' '); i >= 0 {
			number, unit = text[:n-1], 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return errors.New("write a number of bytes such as 65536, 64k, 10M or 1G")
	}
	*s = size(n * unit)
	return nil
}

func (s *size) String() string {
	n, unit := int64(*s), ""
	for i := 0; i < len(sizeUnits) && n != 0 && n%1024 == 0; i++ {
		n, unit = n/1024, sizeUnits[i:i+1]
	}
	return strconv.FormatInt(n, 10) + unit
}

func (*size) Type() string { return "size" }

// count is a flag's whole number.
type count int

func countVar(fs *pflag.FlagSet, p *int, name string, value int, usage string) {
	*p = value
	fs.Var((*count)(p), name, usage)
}

func (c *count) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return errors.New("write a whole number such as 1000")
	}
	*c = count(n)
	return nil
}

func (c *count) String() string { return strconv.Itoa(int(*c)) }
func (*count) Type() string     { return "count" }

// words is a flag that can be repeated.
type words []string

func (w *words) Set(text string) error { *w = append(*w, text); return nil }
func (w *words) String() string        { return "" }
func (*words) Type() string            { return "text" }
