// Package docs is the documentation, embedded, so that commands and pages can
// show it without a network.
package docs

import (
	"embed"
	"strings"
)

// Files holds the Markdown files of this folder.
//
//go:embed *.md
var Files embed.FS

// Drawings holds the pictures that the Markdown files show.
//
//go:embed *.svg
var Drawings embed.FS

//go:embed licences.txt
var licences string

// Licences gives the licence, an SPDX expression, of every "module version"
// that our programs link.
func Licences() map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(licences) {
		if module, rest, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			version, licence, _ := strings.Cut(rest, " ")
			out[module+" "+version] = licence
		}
	}
	return out
}
