package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/perhuman/perhuman/docs"
)

// version prints which build this is, or its bill of materials.
func version(_ context.Context, args []string, e env) error {
	f := flags("version", "[-sbom]", e)
	sbom := f.Bool("sbom", false, "print the bill of materials, CycloneDX 1.6 in JSON")
	if err := parse(f, args, 0); err != nil {
		return err
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("this build carries no record of its modules")
	}
	if *sbom {
		out := json.NewEncoder(e.out)
		out.SetIndent("", "  ")
		return out.Encode(billOfMaterials(info, docs.Licences()))
	}
	fmt.Fprintf(e.out, "perhuman %s, %s", buildVersion(info), info.GoVersion)
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			fmt.Fprintf(e.out, ", commit %.12s", s.Value)
		}
	}
	fmt.Fprintln(e.out)
	return nil
}

func buildVersion(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" {
		return v
	}
	return "(devel)"
}

// bom is the part of CycloneDX 1.6 that a Go program has something to say in.
// It holds no time and no serial number: one build has one bill of materials.
type bom struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl"`
	Licences   []licence  `json:"licenses,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type licence struct {
	Expression string `json:"expression"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// billOfMaterials lists the modules that a program was linked from, with the
// checksum that go.sum has of each and the licence from docs/licences.txt.
func billOfMaterials(info *debug.BuildInfo, licences map[string]string) bom {
	one := func(kind string, m *debug.Module) component {
		purl := "pkg:golang/" + strings.ToLower(m.Path) + "@" + m.Version
		c := component{Type: kind, Ref: purl, Name: m.Path, Version: m.Version, PURL: purl}
		if l := licences[m.Path+" "+m.Version]; l != "" {
			c.Licences = []licence{{l}}
		}
		if m.Sum != "" {
			c.Properties = []property{{"go:sum", m.Sum}}
		}
		return c
	}
	main := info.Main
	main.Version = buildVersion(info)
	b := bom{Format: "CycloneDX", Spec: "1.6", Version: 1, Components: []component{}}
	b.Metadata.Component = one("application", &main)
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		b.Components = append(b.Components, one("library", m))
	}
	return b
}
