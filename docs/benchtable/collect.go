package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Figure is one measured number.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Run   int     `json:"run"` // index into Record.Runs
}

var (
	errFailed = errors.New("a benchmark failed")
	errLine   = errors.New("bad BENCH line")
)

// tailLines is how much of a failed test's output is shown.
const tailLines = 60

// collect reads BENCH lines, prints them and what failed or was skipped, and
// gives the figures in order. A name that comes twice has its last value.
func collect(in io.Reader, out io.Writer) (figures []Figure, err error) {
	at := map[string]int{}
	var tail []string
	failed := false
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "BENCH "):
			fmt.Fprintln(out, line)
			f, err := parseLine(line)
			if err != nil {
				return nil, err
			}
			if i, ok := at[f.Name]; ok {
				figures[i] = f
				continue
			}
			at[f.Name] = len(figures)
			figures = append(figures, f)
		case strings.HasPrefix(trimmed, "--- FAIL"), strings.HasPrefix(line, "FAIL"), strings.HasPrefix(line, "panic:"):
			failed = true
		case strings.HasPrefix(line, "SKIP "), strings.HasPrefix(trimmed, "--- SKIP"):
			fmt.Fprintln(out, trimmed)
		}
		if tail = append(tail, line); len(tail) > tailLines {
			tail = tail[1:]
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if failed {
		fmt.Fprintln(out, strings.Join(tail, "\n"))
		return figures, errFailed
	}
	return figures, nil
}

// parseLine reads "BENCH name value unit".
func parseLine(line string) (f Figure, err error) {
	words := strings.Fields(line)
	if len(words) != 4 {
		return f, fmt.Errorf("%w: %q", errLine, line)
	}
	value, err := strconv.ParseFloat(words[2], 64)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return f, fmt.Errorf("%w: %q", errLine, line)
	}
	return Figure{Name: words[1], Value: value, Unit: words[3]}, nil
}

// number writes a value with about three significant digits and no exponent.
func number(x float64) string {
	digits := 0
	for scale := math.Abs(x); scale != 0 && scale < 100 && digits < 3; scale *= 10 {
		digits++
	}
	text := strconv.FormatFloat(x, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if whole := strings.TrimPrefix(text, "-"); len(whole) > 4 && !strings.Contains(text, ".") {
		sign := len(text) - len(whole)
		for i := len(text) - 3; i > sign; i -= 3 {
			text = text[:i] + "," + text[i:]
		}
	}
	return text
}
