package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Record is benchmarks.json: the last value of every figure, and the runs they
// come from.
type Record struct {
	Runs    []Run    `json:"runs"`
	Figures []Figure `json:"figures"`
}

// Run says what made some figures. It has no host name and no time: the commit
// has one.
type Run struct {
	Command   string `json:"command"`
	Commit    string `json:"commit"`
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	Go        string `json:"go"`
	OS        string `json:"os"`
}

func readRecord(dir string) (*Record, error) {
	data, err := os.ReadFile(filepath.Join(dir, "benchmarks.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return new(Record), nil
	}
	if err != nil {
		return nil, err
	}
	r := new(Record)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("benchmarks.json: %w", err)
	}
	for _, f := range r.Figures {
		if f.Run < 0 || f.Run >= len(r.Runs) {
			return nil, fmt.Errorf("benchmarks.json: %s has no run", f.Name)
		}
	}
	return r, nil
}

func (r *Record) save(dir string) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "benchmarks.json"), append(data, '\n'), 0o644) // #nosec G306 -- a page to be read
}

// merge puts the figures of a run in place of older ones and drops runs that
// nothing comes from any more.
func (r *Record) merge(about Run, figures []Figure) {
	runs := append(slices.Clone(r.Runs), about)
	byName := map[string]Figure{}
	for _, f := range r.Figures {
		byName[f.Name] = f
	}
	for _, f := range figures {
		f.Run = len(runs) - 1
		byName[f.Name] = f
	}
	*r = Record{}
	at := map[Run]int{}
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	slices.Sort(names)
	used := make([]bool, len(runs))
	for _, f := range byName {
		used[f.Run] = true
	}
	for i, run := range runs {
		if _, known := at[run]; used[i] && !known {
			at[run] = len(r.Runs)
			r.Runs = append(r.Runs, run)
		}
	}
	for _, name := range names {
		f := byName[name]
		f.Run = at[runs[f.Run]]
		r.Figures = append(r.Figures, f)
	}
}

func (r *Record) figure(name string) (Figure, bool) {
	for _, f := range r.Figures {
		if f.Name == name {
			return f, true
		}
	}
	return Figure{}, false
}

// features are the instruction sets that our vector code asks for.
var features = []struct{ flag, name string }{
	{"avx2", "AVX2"}, {"avx512f", "AVX-512"}, {"avx512ifma", "IFMA"},
	{"avx512_vnni", "VNNI"}, {"avx512_vpopcntdq", "VPOPCNTDQ"},
}

// processor gives model and vector instructions, as far as the system tells.
func processor(root fs.FS) string {
	info, err := fs.ReadFile(root, "proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	field := func(key string) string {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == key {
				return strings.TrimSpace(value)
			}
		}
		return ""
	}
	text := field("model name")
	if text == "" {
		return "unknown"
	}
	if family, model := field("cpu family"), field("model"); family != "" && model != "" {
		text += " (family " + family + ", model " + model + ")"
	}
	flags := strings.Fields(field("flags"))
	for _, f := range features {
		if slices.Contains(flags, f.flag) {
			text += ", " + f.name
		}
	}
	return text
}
