package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const (
	text     = "text/plain; charset=utf-8"
	octets   = "application/octet-stream"
	fresh    = "public, max-age=1"
	forEver  = "public, max-age=31536000, immutable"
	setCache = "public, max-age=300, immutable" // as long as it is served after it was superseded
)

// answer writes a body with its caching, or 304 when the client has it.
func answer(c *gin.Context, mediaType, cache, etag string, body []byte) error {
	if etag == "" {
		sum := sha256.Sum256(body)
		etag = `"` + hex.EncodeToString(sum[:16]) + `"`
	}
	return answerStatic(c, mediaType, cache, issuer.Static{Body: body, ETag: etag})
}

// answerStatic is answer for bytes that may be there compressed too. Only entry
// bundles are: hashes do not compress, and everything else fits few packets.
func answerStatic(c *gin.Context, mediaType, cache string, s issuer.Static) error {
	h := c.Writer.Header()
	h.Set("Cache-Control", cache)
	body, etag := s.Body, s.ETag
	if s.Gzip != nil {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(c.Request.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			body, etag = s.Gzip, strings.TrimSuffix(s.ETag, `"`)+`-gzip"`
		}
	}
	h.Set("ETag", etag)
	if matches(c.Request.Header.Values("If-None-Match"), etag) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return nil
	}
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.Status(http.StatusOK)
	_, _ = c.Writer.Write(body)
	return nil
}

// takesGzip reads Accept-Encoding as RFC 9110 section 12.5.3 has it, as far as
// gzip by name goes: no weight, or one that is not zero.
func takesGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		name, weight, weighted := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			_, q, _ := strings.Cut(weight, "=")
			return !weighted || strings.Trim(q, " 0.") != ""
		}
	}
	return false
}

// matches compares weakly, as RFC 9110 section 13.1.2 has it for If-None-Match.
func matches(values []string, etag string) bool {
	for _, v := range values {
		for tag := range strings.SplitSeq(v, ",") {
			if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
				return true
			}
		}
	}
	return false
}

func (s *server) head(c *gin.Context) error {
	h, err := s.issuer.Head()
	if err != nil {
		return err
	}
	return answer(c, text, fresh, h.ETag, h.Note)
}

func (s *server) checkpoint(c *gin.Context) error {
	b, err := s.issuer.Checkpoint()
	if err != nil {
		return err
	}
	return answer(c, text, fresh, "", b)
}

func (s *server) tile(c *gin.Context) error {
	t, err := setlog.ParseTilePath("tile" + c.Param("path"))
	if err != nil {
		return api.Errorf(api.NotFound, "not a tile path")
	}
	b, err := s.issuer.StaticTile(c.Request.Context(), t)
	if err != nil {
		return err
	}
	return answerStatic(c, octets, forEver, b)
}

func (s *server) setTile(c *gin.Context) error {
	path := strings.TrimPrefix(c.Request.URL.Path, "/")
	seq, level, n, err := setlog.ParseSetTilePath(path)
	if err != nil {
		return api.Errorf(api.NotFound, "not a set tile path")
	}
	b, err := s.issuer.SetTile(seq, level, n)
	if err != nil {
		return err
	}
	// A tile's path says all that it depends on; hashing it would cost more than
	// sending it.
	return answer(c, octets, setCache, `"`+path+`"`, b)
}

func (s *server) leaves(c *gin.Context) error {
	seq, err := strconv.ParseUint(c.Param("seq"), 10, 63)
	if err != nil || strconv.FormatUint(seq, 10) != c.Param("seq") {
		return api.Errorf(api.NotFound, "not a sequence number")
	}
	pieces, size, err := s.issuer.Leaves(seq)
	if err != nil {
		return err
	}
	h := c.Writer.Header()
	h.Set("Cache-Control", setCache)
	h.Set("ETag", `"`+setlog.LeavesPath(seq)+`"`)
	if matches(c.Request.Header.Values("If-None-Match"), h.Get("ETag")) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return nil
	}
	h.Set("Content-Type", octets)
	h.Set("Content-Length", strconv.Itoa(size))
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
	for _, p := range pieces {
		if _, err := c.Writer.Write(p); err != nil {
			return nil // the client is gone
		}
	}
	return nil
}
