package httpapi

import (
	"encoding/json"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/post"
	"github.com/perhuman/perhuman/sdk/serve"
)

// PostRequest is POST /v1/posts/verify.
type PostRequest struct {
	Bundle json.RawMessage `json:"bundle"`
}

// verifyPost makes the offline check of a post bundle, for platforms that
// cannot make it themselves. It spends nothing and answers a post.Report. A
// bundle of the app's own site is held to the app's keys and its k; of another
// site's the report says that time and cap are unproven.
func (s *server) verifyPost(c *gin.Context) (any, error) {
	a, err := s.authenticate(c.Request, 1)
	if err != nil {
		return nil, err
	}
	var in PostRequest
	if err := serve.ReadJSON(c.Writer, c.Request, post.MaxBundle+1024, &in); err != nil {
		return nil, s.early(a, err)
	}
	if len(in.Bundle) == 0 {
		return nil, s.early(a, api.Errorf(api.MalformedRequest, "bundle is missing"))
	}
	v, err := a.verifier(c)
	if err != nil {
		return nil, s.early(a, err)
	}
	cfg := post.CheckConfig{Issuer: s.Issuers[0], Verifier: v.Proofs()}
	if b, err := post.Parse(in.Bundle); err == nil {
		if i := slices.Index(s.issuers, b.Issuer); i >= 0 {
			cfg.Issuer = s.Issuers[i]
		}
		if b.Post.RP == v.RP() {
			cfg.RPKeys = v.PublicKeys()
			if p, ok := a.policies[b.Action]; ok {
				cfg.MaxK = p.K
			}
		}
	}
	var report post.Report
	err = v.Bounded(c, func() error {
		report = post.CheckJSON(in.Bundle, cfg)
		return nil
	})
	if err != nil {
		return nil, s.early(a, err)
	}
	return report, nil
}
