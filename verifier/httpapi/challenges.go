package httpapi

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/verifier"
)

// challenge signs a challenge for the origin that the browser reports. Without
// an app key the origin tells the app; if several apps have it, the one that
// knows the action.
func (s *server) challenge(c *gin.Context) (any, error) {
	r := c.Request
	origin := serve.Origin(r)
	s.allow(c, origin)
	apps, err := s.askers(r, origin)
	if err != nil {
		return nil, err
	}
	var in api.ChallengeRequest
	if err := serve.ReadJSON(c.Writer, r, maxChallengeBody, &in); err != nil {
		return nil, s.early(apps[0], err)
	}
	a, action, err := asked(apps, in, origin)
	if err != nil {
		return nil, s.early(apps[0], err)
	}
	policy, err := a.policy(action)
	if err != nil {
		return nil, s.early(a, err)
	}
	content, err := digest(in.ContentDigest)
	if err != nil {
		return nil, s.early(a, err)
	}
	v, err := a.verifier(c)
	if err != nil {
		return nil, s.early(a, err)
	}
	out, err := v.Challenge(c, verifier.ChallengeRequest{
		Action: action, Policy: policy, Content: content, Session: in.Session, Origin: origin,
	})
	if err != nil {
		return nil, s.early(a, err)
	}
	return out.Vouched(s.Issuers, s.All), nil
}

// asked finds which of the apps is meant, and which of its actions: by the
// action's name, or by the sitekey of a page that was written for a CAPTCHA.
func asked(apps []*app, in api.ChallengeRequest, origin string) (*app, string, error) {
	if in.Sitekey == "" {
		for _, a := range apps {
			if _, err := a.policy(in.Action); err == nil {
				return a, in.Action, nil
			}
		}
		return apps[0], in.Action, nil // refused for its action
	}
	if in.Action != "" {
		return nil, "", api.Errorf(api.MalformedRequest, "an action or a sitekey, not both")
	}
	for _, a := range apps {
		for i := range a.Sites {
			if site := &a.Sites[i]; site.Key == in.Sitekey && slices.Contains(site.Origins, origin) {
				return a, site.Action, nil
			}
		}
	}
	return nil, "", api.Errorf(api.ActionUnknown, "no site of this origin has this sitekey")
}

// askers finds the app by its key, or those that have the origin of a browser
// without one.
func (s *server) askers(r *http.Request, origin string) ([]*app, error) {
	if len(r.Header.Values("Authorization")) > 0 {
		a, err := s.authenticate(r, 1)
		return []*app{a}, err
	}
	if origin == "" {
		return nil, s.early(nil, api.Errorf(api.CredentialMissing, "neither an app key nor an Origin"))
	}
	apps := s.appsOf(origin)
	if len(apps) == 0 {
		return nil, s.early(nil, api.Errorf(api.OriginNotAllowed, ""))
	}
	if wait := s.origins.Take(s.Now(), origin+" "+serve.Client(r, s.TrustedProxies)); wait > 0 {
		return nil, s.early(apps[0], serve.Limited(wait))
	}
	return apps, nil
}

func (s *server) appsOf(origin string) (out []*app) {
	for _, a := range s.view.Load().apps {
		if origin != "" && slices.Contains(a.Origins, origin) {
			out = append(out, a)
		}
	}
	return out
}

// allow lets a page of a known origin read the answer. No other route allows
// any: app keys have no place in a browser.
func (s *server) allow(c *gin.Context, origin string) bool {
	c.Header("Vary", "Origin")
	if len(s.appsOf(origin)) == 0 {
		return false
	}
	c.Header("Access-Control-Allow-Origin", origin)
	c.Header("Access-Control-Expose-Headers", "Request-Id, Retry-After")
	return true
}

func (s *server) preflight(c *gin.Context) {
	if !s.allow(c, serve.Origin(c.Request)) {
		serve.WriteProblem(c.Writer, c.Request, s.early(nil, api.Errorf(api.OriginNotAllowed, "")))
		return
	}
	c.Header("Access-Control-Allow-Methods", "POST")
	c.Header("Access-Control-Allow-Headers", "Content-Type")
	c.Header("Access-Control-Max-Age", "600")
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
}
