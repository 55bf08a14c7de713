// Package docs is the documentation, embedded, so that commands and pages can
// show it without a network.
package docs

import "embed"

// Files holds the Markdown files of this folder.
//
//go:embed *.md
var Files embed.FS
