package admin

import (
	"path/filepath"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/issuer/httpapi"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore"
)

// State answers GET /admin/state.
type State struct {
	Name    string         `json:"name"`
	VKeys   []string       `json:"vkeys"` // all that sign now, the newest first
	Version string         `json:"version,omitempty"`
	Health  httpapi.Health `json:"health"`
	Paused  bool           `json:"paused"`

	Seq         uint64 `json:"seq"`
	LogSize     int64  `json:"log_size"`
	Size        uint64 `json:"size"` // leaves ever
	Live        uint64 `json:"live"`
	MinValidSeq uint64 `json:"min_valid_seq"`
	Anchored    int64  `json:"anchored"` // unix seconds of the newest anchor

	Quorum    int       `json:"quorum"`
	Witnessed int64     `json:"witnessed"` // log size that the quorum has cosigned
	Witnesses []Witness `json:"witnesses"`
	Revoked   int       `json:"revoked"`  // entries of the revocation list
	Firmware  int       `json:"firmware"` // of the firmware list; -1: any is allowed
}

// Witness is how one witness stands.
type Witness struct {
	VKey   string `json:"vkey"`
	At     string `json:"at"`
	Size   int64  `json:"size"`             // of the log that it has signed, as far as is known
	Signed int64  `json:"signed,omitempty"` // unix seconds of its last cosignature since the start
	Failed uint64 `json:"failed"`
	Error  string `json:"error,omitempty"`
	Ahead  bool   `json:"ahead,omitempty"` // it knows a history that this database does not hold
}

func (s *server) state(c *gin.Context) (any, error) {
	info, w := s.Issuer.Info(), s.Issuer.Witnesses()
	out := State{
		Name: info.Name, VKeys: info.VKeys, Version: s.Version, Health: s.health(c), Paused: s.Pause.On(),
		Quorum: w.Quorum, Witnessed: w.Witnessed, Witnesses: []Witness{}, Firmware: -1,
	}
	if out.VKeys == nil {
		out.VKeys = []string{info.VKey}
	}
	if now, ok := s.Issuer.Current(); ok {
		out.Seq, out.LogSize, out.Size, out.Live, out.MinValidSeq = now.Seq, now.LogSize, now.Size, now.Live, now.MinValidSeq
		out.Anchored = now.Created.Unix()
	}
	if s.Lists != nil {
		out.Revoked, out.Firmware = s.Lists()
	}
	if s.Witnesses != nil {
		for _, one := range s.Witnesses() {
			row := Witness{VKey: one.VKey, At: one.At, Size: one.Size, Failed: one.Failed, Error: one.Error, Ahead: one.Ahead}
			if !one.Signed.IsZero() {
				row.Signed = one.Signed.Unix()
			}
			out.Witnesses = append(out.Witnesses, row)
		}
	}
	return out, nil
}

// removal names a member by its commitment or its leaf.
type removal struct {
	Commitment string  `json:"commitment"`
	Leaf       *uint64 `json:"leaf"`
	Urgent     bool    `json:"urgent"`
}

func (s *server) remove(c *gin.Context) (any, error) {
	var body removal
	if err := serve.ReadJSON(c.Writer, c.Request, maxBody, &body); err != nil {
		return nil, err
	}
	if (body.Commitment == "") == (body.Leaf == nil) {
		return nil, api.Errorf(api.MalformedRequest, "commitment or leaf, one of them")
	}
	var leaf uint64
	if body.Leaf != nil {
		leaf = *body.Leaf
	} else {
		e, err := semaphore.ParseElement(body.Commitment)
		if err != nil {
			return nil, api.Errorf(api.NotCanonical, "commitment is a decimal number")
		}
		var ok bool
		if leaf, ok = s.Issuer.Position(e); !ok {
			return nil, api.Errorf(api.NotFound, "no live member has this commitment")
		}
	}
	if err := s.Issuer.Removal(c, leaf, body.Urgent); err != nil {
		return nil, err
	}
	if s.Metrics != nil {
		s.Metrics.removed(body.Urgent)
	}
	s.logf("removal of a leaf was asked for, urgent: %v", body.Urgent)
	now, _ := s.Issuer.Current()
	return map[string]any{"leaf": leaf, "urgent": body.Urgent, "seq": now.Seq, "min_valid_seq": now.MinValidSeq}, nil
}

func (s *server) anchor(c *gin.Context) (any, error) {
	done, err := s.Issuer.Anchor(c)
	if err != nil {
		return nil, err
	}
	return map[string]any{"seq": done.Seq, "changes": done.Changes}, nil
}

func (s *server) pause(on bool) (any, error) {
	s.Pause.Set(on)
	s.logf("enrolment paused: %v", on)
	return map[string]bool{"paused": on}, nil
}

func (s *server) reload(*gin.Context) (any, error) {
	if s.Reload == nil {
		return nil, api.Errorf(api.NotFound, "there are no lists to read")
	}
	if err := s.Reload(); err != nil {
		return nil, &api.Error{Code: api.MalformedRequest, Detail: "a list cannot be read; the old ones stay in force", Err: err}
	}
	out := map[string]int{}
	if s.Lists != nil {
		out["revoked"], out["firmware"] = s.Lists()
	}
	return out, nil
}

func (s *server) verify(c *gin.Context) (any, error) {
	if s.Verify == nil {
		return nil, api.Errorf(api.NotFound, "not offered here")
	}
	start := s.Now()
	if err := s.Verify(c); err != nil {
		return nil, api.Wrap(api.StoreUnavailable, err)
	}
	now, _ := s.Issuer.Current()
	return map[string]any{"entries": now.LogSize, "seconds": s.Now().Sub(start).Seconds()}, nil
}

func (s *server) backup(c *gin.Context) (any, error) {
	var body struct {
		To string `json:"to"`
	}
	if err := serve.ReadJSON(c.Writer, c.Request, maxBody, &body); err != nil {
		return nil, err
	}
	switch {
	case s.Backup == nil:
		return nil, api.Errorf(api.NotFound, "this store is backed up with its own tools")
	case !filepath.IsAbs(body.To):
		return nil, api.Errorf(api.MalformedRequest, "to is an absolute path on the issuer's machine")
	}
	start := s.Now()
	if err := s.Backup(c, body.To); err != nil {
		return nil, api.Wrap(api.StoreUnavailable, err)
	}
	took := s.Now().Sub(start)
	s.logf("backup taken in %s", took)
	return map[string]any{"to": body.To, "seconds": took.Seconds()}, nil
}

func (s *server) refresh(c *gin.Context) (any, error) {
	if s.Refresh == nil {
		return nil, api.Errorf(api.NotFound, "this issuer has no parties that hold shares")
	}
	start := s.Now()
	epoch, err := s.Refresh(c)
	if err != nil {
		return nil, api.Wrap(api.MatcherUnavailable, err)
	}
	return map[string]any{"epoch": epoch, "seconds": s.Now().Sub(start).Seconds()}, nil
}

func (s *server) logf(format string, args ...any) {
	if s.Logf != nil {
		s.Logf(format, args...)
	}
}
