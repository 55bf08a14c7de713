package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
)

// Policy is what pages are allowed to do. The zero value is the strictest:
// scripts, styles, pictures and connections from the own origin only.
type Policy struct {
	Connect    []string // further origins that scripts may talk to
	Camera     bool     // the page shows the camera's picture
	Opens      bool     // the page opens popups that answer; it may not itself be such a popup
	NoReferrer bool     // say nothing about where a visitor comes from
	Shared     bool     // pages of any origin may load these files
}

// ContentSecurity is the policy as a Content-Security-Policy.
func (p Policy) ContentSecurity() string {
	media := "'none'"
	if p.Camera {
		media = "blob:"
	}
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self' 'wasm-unsafe-eval'",
		"worker-src 'self'",
		strings.Join(append([]string{"connect-src 'self'"}, p.Connect...), " "),
		"style-src 'self'",
		"img-src 'self'",
		"media-src " + media,
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}

func (p Policy) set(h http.Header) {
	h.Set("Content-Security-Policy", p.ContentSecurity())
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if p.Shared {
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		h.Set("Access-Control-Allow-Origin", "*")
	}
	camera := "()"
	if p.Camera {
		camera = "(self)"
	}
	h.Set("Permissions-Policy", "camera="+camera+", microphone=(), geolocation=()")
	referrer := "same-origin"
	if p.NoReferrer {
		referrer = "no-referrer"
	}
	h.Set("Referrer-Policy", referrer)
	if p.Opens {
		h.Set("Cross-Origin-Opener-Policy", "same-origin-allow-popups")
	}
}

// Files serves the files of fsys below prefix ("/static/", say) with a policy.
// Pages maps further paths to names in fsys: {"/": "index.html"}.
func Files(fsys fs.FS, prefix string, pages map[string]string, p Policy) (http.Handler, error) {
	files, err := load(fsys, prefix, func(name string) bool { return !strings.HasSuffix(name, ".html") })
	if err != nil {
		return nil, err
	}
	for path, name := range pages {
		body, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("web: page %s: %w", path, err)
		}
		files[path] = newAsset(name, body)
	}
	return newFiles(files, nil, p), nil
}

// File is a file that a program made: its name tells its type.
type File struct {
	Name string
	Body []byte
}

// Serve serves files that a program made, each at its path, with a policy.
func Serve(byPath map[string]File, p Policy) (http.Handler, error) {
	made := map[string]asset{}
	for at, f := range byPath {
		a := newAsset(f.Name, f.Body)
		if a.kind == "" {
			return nil, fmt.Errorf("web: %s: files like %s are not served", at, f.Name)
		}
		if err := a.zip(); err != nil {
			return nil, err
		}
		made[at] = a
	}
	return newFiles(made, nil, p), nil
}

// asset is one file, ready to be sent.
type asset struct {
	kind   string
	etag   string // without quotes
	body   []byte
	zipped []byte // nil if gzip does not pay
}

// kinds are all types there are: a file of another type is not served.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".png":  "image/png",
	".json": "application/json",
	".txt":  "text/plain; charset=utf-8",
	".wasm": "application/wasm",
	".bin":  "application/octet-stream",
	".zkey": "application/octet-stream",
}

func newAsset(name string, body []byte) asset {
	sum := sha256.Sum256(body)
	return asset{kind: kinds[path.Ext(name)], etag: base64.RawURLEncoding.EncodeToString(sum[:12]), body: body}
}

// load reads the files of fsys that keep allows; a NAME.gz beside NAME is its
// compressed form, other texts are compressed here.
func load(fsys fs.FS, prefix string, keep func(name string) bool) (map[string]asset, error) {
	files := map[string]asset{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || kinds[path.Ext(name)] == "" || !keep(name) {
			return err
		}
		body, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, ".js") && !strings.HasPrefix(name, "dist/") {
			body = withoutComments(body)
		}
		a := newAsset(name, body)
		if zipped, err := fs.ReadFile(fsys, name+".gz"); err == nil {
			a.zipped = zipped
		} else if err := a.zip(); err != nil {
			return err
		}
		files[prefix+name] = a
		return nil
	})
	return files, err
}

// withoutComments drops the lines of our own modules that hold nothing but a
// comment, and indentation: a third of what is sent. It knows no template
// literals; a test makes sure that none of ours has such lines.
func withoutComments(source []byte) []byte {
	var out bytes.Buffer
	inside := false // of a comment of several lines
	for line := range bytes.Lines(source) {
		line = bytes.TrimSpace(line)
		switch {
		case inside:
			inside = !bytes.HasSuffix(line, []byte("*/"))
		case len(line) == 0 || bytes.HasPrefix(line, []byte("//")):
		case bytes.HasPrefix(line, []byte("/**")) && !bytes.Contains(line, []byte("*/")):
			inside = true
		case bytes.HasPrefix(line, []byte("/**")) && bytes.Index(line, []byte("*/")) == len(line)-2:
		default:
			out.Write(line)
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}

// zip compresses a text that is worth it.
func (a *asset) zip() (err error) {
	if len(a.body) > 1024 && (strings.HasPrefix(a.kind, "text/") || a.kind == "image/svg+xml") {
		a.zipped, err = compress(a.body)
	}
	return err
}

func compress(body []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

type files struct {
	byPath map[string]asset
	err    error
	policy Policy
}

func newFiles(byPath map[string]asset, err error, p Policy) http.Handler {
	return &files{maps.Clone(byPath), err, p}
}

func (f *files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.policy.set(w.Header())
	a, ok := f.byPath[r.URL.Path]
	switch {
	case f.err != nil:
		serve.WriteProblem(w, r, api.Wrap(api.Internal, f.err))
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		serve.WriteProblem(w, r, api.Errorf(api.MethodNotAllowed, "this address takes GET"))
	case !ok:
		serve.WriteProblem(w, r, &api.Error{Code: api.NotFound})
	default:
		a.serve(w, r)
	}
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "no-cache") // keep it, but ask whether it is still good
	body, etag := a.body, a.etag
	if a.zipped != nil {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r) {
			h.Set("Content-Encoding", "gzip")
			body, etag = a.zipped, etag+"-gz"
		}
	}
	etag = `"` + etag + `"`
	h.Set("ETag", etag)
	if noneMatch(r.Header.Get("If-None-Match"), etag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client went away: nobody is left to tell
	}
}

func acceptsGzip(r *http.Request) bool {
	for _, part := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		coding, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if coding == "gzip" && strings.ReplaceAll(q, " ", "") != "q=0" {
			return true
		}
	}
	return false
}

func noneMatch(header, etag string) bool {
	for _, part := range strings.Split(header, ",") {
		if part = strings.TrimSpace(part); part == etag || part == "W/"+etag || part == "*" {
			return true
		}
	}
	return false
}
