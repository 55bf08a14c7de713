// Package face embeds what a page needs to turn a face into a vector: the
// face-api library, its weights for the detector, the landmarks and the
// descriptor, and the WebAssembly backend of TensorFlow.js. It is a package
// of its own, because only a page with a camera needs its 14 MB.
//
// The files under dist are copied from node_modules by build.mjs and are not
// committed. A vector made by a page is a demonstration, never evidence: the
// page belongs to its user, who can post any vector.
package face

import (
	"embed"
	"errors"
	"io/fs"
)

//go:embed all:dist
var embedded embed.FS

// ErrNotBuilt says that the files were not copied.
var ErrNotBuilt = errors.New("face: dist holds no models; run npm ci and build.mjs in sdk/web")

// FS gives the files, or ErrNotBuilt if they are not there.
func FS() (fs.FS, error) {
	sub, err := fs.Sub(embedded, "dist")
	if err != nil {
		return nil, err
	}
	if _, err := fs.Stat(sub, "face-api.esm.js"); err != nil {
		return nil, ErrNotBuilt
	}
	return sub, nil
}
