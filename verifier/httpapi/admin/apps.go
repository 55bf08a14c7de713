package admin

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
)

const maxBody = 64 << 10

// State is what the page shows at the top.
type State struct {
	Version  string                `json:"version"`
	Now      int64                 `json:"now"`
	Apps     int                   `json:"apps"`
	Live     bool                  `json:"live"` // there is an app in the live environment
	Queue    *semaphore.QueueStats `json:"queue,omitempty"`
	Capacity int                   `json:"capacity,omitempty"`
	Roots    []Root                `json:"roots"`
	Registry float64               `json:"registry_age"` // seconds
	Changes  bool                  `json:"changes"`      // apps can be changed here
	Codes    map[api.Code]Meaning  `json:"codes"`
}

// Meaning is a code in words.
type Meaning struct {
	Title string `json:"title"`
	Kind  string `json:"kind"` // accepted, refused, failed
}

func (s *server) state(*gin.Context) (any, error) {
	out := State{Version: s.Version, Now: s.Now().Unix(), Roots: []Root{}, Changes: s.Registry != nil, Apps: len(s.Fixed), Codes: map[api.Code]Meaning{}, Capacity: s.Capacity}
	for _, a := range s.Fixed {
		out.Live = out.Live || a.Environment == registry.Live
	}
	if s.Registry != nil {
		view := s.Registry.View()
		out.Apps += len(view.Apps)
		out.Registry = s.Registry.Age().Seconds()
		out.Live = out.Live || slices.ContainsFunc(view.Apps, func(a registry.App) bool { return a.Environment == registry.Live })
	}
	if s.Queue != nil {
		q := s.Queue()
		out.Queue = &q
	}
	if s.Roots != nil {
		out.Roots = append(out.Roots, s.Roots()...)
	}
	for _, row := range api.Table() {
		if row.Siteverify != "" || row.Code == api.OK {
			out.Codes[row.Code] = Meaning{row.Title, kindOf(row.Code)}
		}
	}
	return out, nil
}

func (s *server) series(c *gin.Context) (any, error) {
	out, ok := s.Stats.Series(c.Query("range"))
	if !ok {
		return nil, api.Errorf(api.MalformedRequest, "range is hour, day or week")
	}
	return out, nil
}

// App is an app without what would let anybody in.
type App struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	RP          string            `json:"rp"`
	Environment string            `json:"environment"`
	Origins     []string          `json:"origins"`
	Actions     map[string]string `json:"actions"`
	Keys        []Key             `json:"keys"`
	Sites       []Site            `json:"sites"`
	Hooks       []Hook            `json:"hooks"`
	Created     int64             `json:"created"`
	Fixed       bool              `json:"fixed"`
	Count       tally             `json:"count"` // since the service started
}

// Key is an app key or a secret, by name.
type Key struct {
	ID      string `json:"id"`
	Created int64  `json:"created"`
	Ends    int64  `json:"ends,omitempty"`
	Active  bool   `json:"active"`
}

// Site is a sitekey and how many secrets it has.
type Site struct {
	Sitekey string   `json:"sitekey"`
	Action  string   `json:"action"`
	Origins []string `json:"origins"`
	Secrets []Key    `json:"secrets"`
}

// Hook is a webhook.
type Hook struct {
	ID      string   `json:"id"`
	URL     string   `json:"url"`
	Events  []string `json:"events"`
	Secrets int      `json:"secrets"` // that sign now
}

func (s *server) keys(in []registry.Key) []Key {
	out := []Key{}
	now := s.Now()
	for _, k := range in {
		out = append(out, Key{k.ID, k.Created, k.Ends, k.Active(now)})
	}
	return out
}

func (s *server) public(a registry.App) App {
	out := App{
		ID: a.ID, Name: a.Name, RP: a.RP, Environment: a.Environment, Origins: a.Origins, Actions: maps.Clone(a.Actions),
		Keys: s.keys(a.Keys), Sites: []Site{}, Hooks: []Hook{}, Created: a.Created, Count: s.Stats.tallyOf(a.ID),
	}
	for _, site := range a.Sites {
		out.Sites = append(out.Sites, Site{site.Key, site.Action, site.Origins, s.keys(site.Secrets)})
	}
	now := s.Now()
	for _, h := range a.Hooks {
		n := 0
		for _, x := range h.Secrets {
			if x.Active(now) {
				n++
			}
		}
		events := h.Events
		if len(events) == 0 {
			events = []string{registry.EventCompleted}
		}
		out.Hooks = append(out.Hooks, Hook{h.ID, h.URL, events, n})
	}
	return out
}

func (s *server) listApps(*gin.Context) (any, error) {
	out := struct {
		Apps []App `json:"apps"`
	}{Apps: []App{}}
	for _, f := range s.Fixed {
		out.Apps = append(out.Apps, App{
			ID: f.ID, Name: f.RP, RP: f.RP, Environment: f.Environment, Origins: f.Origins, Actions: f.Actions,
			Keys: []Key{}, Sites: []Site{}, Hooks: []Hook{}, Fixed: true, Count: s.Stats.tallyOf(f.ID),
		})
	}
	if s.Registry != nil {
		for _, a := range s.Registry.View().Apps {
			out.Apps = append(out.Apps, s.public(a))
		}
	}
	return out, nil
}

// Secret is the one time that a key can be read.
type Secret struct {
	Secret  string `json:"secret"`
	ID      string `json:"id,omitempty"`
	Sitekey string `json:"sitekey,omitempty"`
}

// registryOf gives the registry and reads the body, if one is expected.
func (s *server) registryOf(c *gin.Context, in any) (*registry.Registry, error) {
	if s.Registry == nil {
		return nil, api.Errorf(api.NotFound, "this service has no registry")
	}
	if in == nil {
		return s.Registry, nil
	}
	return s.Registry, serve.ReadJSON(c.Writer, c.Request, maxBody, in)
}

// mapped gives what the registry says its wire code.
func mapped(err error) error {
	var coded *api.Error
	switch {
	case err == nil || errors.As(err, &coded):
		return err
	case errors.Is(err, registry.ErrNotFound):
		return &api.Error{Code: api.NotFound, Err: err}
	case errors.Is(err, registry.ErrInvalid):
		return &api.Error{Code: api.MalformedRequest, Detail: detail(err), Err: err}
	case errors.Is(err, registry.ErrConflict):
		return &api.Error{Code: api.PolicyConflict, Detail: detail(err), Err: err}
	case errors.Is(err, registry.ErrContend):
		return &api.Error{Code: api.Overloaded, RetryAfter: time.Second, Err: err}
	}
	return &api.Error{Code: api.StoreUnavailable, RetryAfter: time.Second, Err: err}
}

// detail is what the operator is told: the registry's own words hold nothing
// secret.
func detail(err error) string { return err.Error() }

func (s *server) createApp(c *gin.Context) (any, error) {
	var in registry.AppParams
	r, err := s.registryOf(c, &in)
	if err != nil {
		return nil, err
	}
	a, err := r.CreateApp(c, in)
	if err != nil {
		return nil, mapped(err)
	}
	return s.public(a), nil
}

func (s *server) changeApp(c *gin.Context) (any, error) {
	var in registry.AppChange
	r, err := s.registryOf(c, &in)
	if err != nil {
		return nil, err
	}
	a, err := r.ChangeApp(c, c.Param("app"), in)
	if err != nil {
		return nil, mapped(err)
	}
	return s.public(a), nil
}

type done struct {
	Done bool `json:"done"`
}

// finish answers a change that has nothing to tell.
func (s *server) finish(c *gin.Context, f func(r *registry.Registry) error) (any, error) {
	r, err := s.registryOf(c, nil)
	if err != nil {
		return nil, err
	}
	if err := f(r); err != nil {
		return nil, mapped(err)
	}
	return done{true}, nil
}

func (s *server) removeApp(c *gin.Context) (any, error) {
	return s.finish(c, func(r *registry.Registry) error { return r.RemoveApp(c, c.Param("app")) })
}

// overlapInput: with an overlap in seconds the keys that are there end after
// it; without, they stay.
type overlapInput struct {
	Overlap *uint32 `json:"overlap,omitempty"`
}

func (o overlapInput) duration() time.Duration {
	if o.Overlap == nil {
		return 0
	}
	return time.Duration(*o.Overlap) * time.Second
}

func (s *server) createKey(c *gin.Context) (any, error) {
	var in overlapInput
	r, err := s.registryOf(c, &in)
	if err != nil {
		return nil, err
	}
	var secret string
	var key registry.Key
	if in.Overlap == nil {
		secret, key, err = r.CreateKey(c, c.Param("app"))
	} else {
		secret, key, err = r.RotateKey(c, c.Param("app"), in.duration())
	}
	if err != nil {
		return nil, mapped(err)
	}
	return Secret{Secret: secret, ID: key.ID}, nil
}

func (s *server) revokeKey(c *gin.Context) (any, error) {
	return s.finish(c, func(r *registry.Registry) error { return r.RevokeKey(c, c.Param("app"), c.Param("key")) })
}

func (s *server) createSite(c *gin.Context) (any, error) {
	var in struct {
		Action  string   `json:"action"`
		Origins []string `json:"origins,omitempty"`
	}
	r, err := s.registryOf(c, &in)
	if err != nil {
		return nil, err
	}
	secret, site, err := r.CreateSite(c, c.Param("app"), in.Action, in.Origins)
	if err != nil {
		return nil, mapped(err)
	}
	return Secret{Secret: secret, Sitekey: site.Key}, nil
}

func (s *server) rotateSite(c *gin.Context) (any, error) {
	var in overlapInput
	r, err := s.registryOf(c, &in)
	if err != nil {
		return nil, err
	}
	secret, key, err := r.RotateSite(c, c.Param("app"), c.Param("site"), in.duration())
	if err != nil {
		return nil, mapped(err)
	}
	return Secret{Secret: secret, ID: key.ID, Sitekey: c.Param("site")}, nil
}

func (s *server) removeSite(c *gin.Context) (any, error) {
	return s.finish(c, func(r *registry.Registry) error { return r.RemoveSite(c, c.Param("app"), c.Param("site")) })
}

func (s *server) createHook(c *gin.Context) (any, error) {
	var in struct {
		URL    string   `json:"url"`
		Events []string `json:"events,omitempty"`
	}
	r, err := s.registryOf(c, &in)
	if err != nil {
		return nil, err
	}
	secret, hook, err := r.CreateHook(c, c.Param("app"), in.URL, in.Events)
	if err != nil {
		return nil, mapped(err)
	}
	return Secret{Secret: secret, ID: hook.ID}, nil
}

func (s *server) rotateHook(c *gin.Context) (any, error) {
	var in overlapInput
	r, err := s.registryOf(c, &in)
	if err != nil {
		return nil, err
	}
	secret, err := r.RotateHook(c, c.Param("app"), c.Param("hook"), in.duration())
	if err != nil {
		return nil, mapped(err)
	}
	return Secret{Secret: secret, ID: c.Param("hook")}, nil
}

func (s *server) removeHook(c *gin.Context) (any, error) {
	return s.finish(c, func(r *registry.Registry) error { return r.RemoveHook(c, c.Param("app"), c.Param("hook")) })
}
