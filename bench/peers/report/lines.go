package main

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	emmansun "github.com/emmansun/gmsm/sm3"
)

// lines measures `hmacsign mac --lines` on one processor where the command lies
// beside this program, as make bench-report puts it: against the loop that its user
// would write otherwise, which is this program started as scanLines. Both are whole
// processes that read one file and write another.
func (r *report) lines() {
	exe, err := os.Executable()
	if err != nil {
		r.warn("left out `mac --lines`: %v", err)
		return
	}
	command := filepath.Join(filepath.Dir(exe), "hmacsign"+filepath.Ext(exe))
	if _, err := os.Stat(command); err != nil {
		r.warn("left out `mac --lines`: put the command hmacsign beside this program, as make report does")
		return
	}
	ours, theirs, err := timeLines(exe, command, min(r.rounds, 9))
	if err != nil {
		r.warn("left out `mac --lines`: %v", err)
		return
	}
	median, low, high := quantiles(ratio(theirs, ours))
	r.row(fmt.Sprintf("`hmacsign mac --lines`, hmac-sm3, records of %d B, one core", size), "a loop over a kept `hmac.Hash` of emmansun", goal{"6 x", "4 x"},
		fmt.Sprintf("%.2f x", median), fmt.Sprintf("%.2f to %.2f", low, high))
}

var records = 400_000

func timeLines(exe, command string, rounds int) (ours, theirs result, err error) {
	dir, err := os.MkdirTemp("", "report")
	if err != nil {
		return ours, theirs, err
	}
	defer os.RemoveAll(dir)
	input := filepath.Join(dir, "records")
	if err := os.WriteFile(input, someRecords(), 0o600); err != nil {
		return ours, theirs, err
	}
	runs := []struct {
		r    *result
		args []string
		file string
	}{
		{&ours, []string{command, "mac", "--algorithm", "hmac-sm3", "--key-hex", hex.EncodeToString(secret), "--lines"}, filepath.Join(dir, "ours")},
		{&theirs, []string{exe, "-scan"}, filepath.Join(dir, "theirs")},
	}
	for range rounds {
		for _, run := range runs {
			took, err := timeCommand(run.args, input, run.file)
			if err != nil {
				return ours, theirs, err
			}
			run.r.times = append(run.r.times, took)
		}
	}
	a, err := os.ReadFile(runs[0].file)
	if err != nil {
		return ours, theirs, err
	}
	b, err := os.ReadFile(runs[1].file)
	if err == nil && !bytes.Equal(a, b) {
		err = errors.New("the two print different MACs")
	}
	return ours, theirs, err
}

func someRecords() []byte {
	random := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 0, records*(size+1))
	for range records {
		for range size {
			text = append(text, ' '+byte(random.IntN(95)))
		}
		text = append(text, '\n')
	}
	return text
}

// timeCommand returns the nanoseconds of a record.
func timeCommand(args []string, input, output string) (float64, error) {
	in, err := os.Open(input)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := os.Create(output)
	if err != nil {
		return 0, err
	}
	defer out.Close()
	var complaint bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, &complaint
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	start := time.Now()
	if err := cmd.Run(); err != nil {
		line, _, _ := bytes.Cut(complaint.Bytes(), []byte("\n"))
		return 0, fmt.Errorf("%s: %w: %s", filepath.Base(args[0]), err, line)
	}
	return float64(time.Since(start).Nanoseconds()) / float64(records), nil
}

// scanLines is what a careful user of emmansun/gmsm writes.
func scanLines(in io.Reader, out io.Writer) error {
	lines, w := bufio.NewScanner(in), bufio.NewWriter(out)
	m := hmac.New(emmansun.New, secret)
	var mac, text []byte
	for lines.Scan() {
		m.Reset()
		m.Write(lines.Bytes())
		mac = m.Sum(mac[:0])
		text = append(hex.AppendEncode(text[:0], mac), '\n')
		w.Write(text)
	}
	return errors.Join(lines.Err(), w.Flush())
}
