package httpapi

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
)

// app is an application as requests meet it: what the registry says, and what
// is kept from one reading of it to the next.
type app struct {
	registry.App // hashes of keys only
	policies     map[string]scope.Policy
	*backing
}

// backing is the part of an app that outlives a change of its keys.
type backing struct {
	credential string // whom idempotency keys belong to
	bucket     *serve.Bucket
	admission  admission

	mu   sync.Mutex
	v    *verifier.Verifier
	open func(context.Context) (*verifier.Verifier, error)
	over bool
}

// verifier makes the app's verifier if there is none yet. It may block on the
// store. Errors are *api.Error.
func (e *backing) verifier(ctx context.Context) (*verifier.Verifier, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over {
		return nil, api.Errorf(api.CredentialInvalid, "")
	}
	if e.v == nil {
		v, err := e.open(ctx)
		if err != nil {
			var coded *api.Error
			if errors.As(err, &coded) {
				return nil, coded
			}
			return nil, api.Wrap(api.StoreUnavailable, err)
		}
		e.v = v
	}
	return e.v, nil
}

// opened is the verifier, or nil if nobody needed it yet.
func (e *backing) opened() *verifier.Verifier {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.v
}

// close is for an app that is gone.
func (e *backing) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	if e.v != nil {
		e.v.Close()
		e.v = nil
	}
}

// policy looks an action up in an app's table.
func (a *app) policy(action string) (scope.Policy, error) {
	p, ok := a.policies[action]
	if !ok {
		return p, api.Errorf(api.ActionUnknown, "")
	}
	return p, nil
}

func (a *app) secrets() (out [][32]byte) {
	for _, k := range a.Keys {
		out = append(out, [32]byte(k.Hash))
	}
	for _, s := range a.Sites {
		for _, k := range s.Secrets {
			out = append(out, [32]byte(k.Hash))
		}
	}
	return out
}

// fromOptions makes an app of one that the caller opened.
func (s *server) fromOptions(o App) (*app, error) {
	if o.Verifier == nil || len(o.Actions) == 0 {
		return nil, errors.New("it needs a verifier and actions")
	}
	if err := registry.CheckKey(o.Key, o.Verifier.Environment(), s.Demo); err != nil {
		return nil, err
	}
	for action, policy := range o.Actions {
		if err := errors.Join(scope.ValidateAction(action), policy.Validate()); err != nil {
			return nil, err
		}
	}
	hash := registry.Hash(o.Key)
	credential := scope.EncodeToken(hash[:16])
	if o.ID == "" {
		o.ID = "app_" + credential[:8]
	}
	a := &app{
		App: registry.App{
			ID: o.ID, Name: o.Verifier.RP(), RP: o.Verifier.RP(), Environment: o.Verifier.Environment(), Origins: o.Verifier.Origins(),
			Keys: []registry.Key{{ID: "key_" + credential[:8], Hash: hash[:]}}, Hooks: o.Hooks,
		},
		policies: maps.Clone(o.Actions),
		backing:  &backing{credential: credential, bucket: serve.NewBucket(s.Limits.PerKey, s.Now()), v: o.Verifier},
	}
	for _, site := range o.Sites {
		if err := checkSecret(site.Secret, a.Environment); err != nil {
			return nil, err
		}
		if _, ok := a.policies[site.Action]; !ok {
			return nil, errors.New("a site's action is none of the app's")
		}
		if len(site.Origins) == 0 {
			site.Origins = a.Origins
		}
		h := registry.Hash(site.Secret)
		a.Sites = append(a.Sites, registry.Site{
			Key: site.Key, Action: site.Action, Origins: site.Origins,
			Secrets: []registry.Key{{ID: "key_" + scope.EncodeToken(h[:6]), Hash: h[:]}},
		})
	}
	return a, nil
}

// view is all apps at one time.
type view struct {
	apps []*app
	live bool // there is an app in the live environment
}

func newView(apps []*app) *view {
	v := &view{apps: apps}
	for _, a := range apps {
		v.live = v.live || a.Environment == registry.Live
	}
	return v
}

// adopt makes the registry's newest document the one that requests meet.
func (s *server) adopt(doc *registry.View) {
	before := s.view.Load()
	apps := slices.Clone(s.static)
	kept := map[*backing]bool{}
	for _, a := range s.static {
		kept[a.backing] = true
	}
	for _, row := range doc.Apps {
		policies, err := row.Policies()
		if err != nil { // written by a newer program
			if s.Logf != nil {
				s.Logf("app %s is left out: %v", row.ID, err)
			}
			continue
		}
		a := &app{App: row, policies: policies}
		i := slices.IndexFunc(before.apps, func(b *app) bool { return b.ID == row.ID })
		if i >= 0 && before.apps[i].RP == row.RP && before.apps[i].Environment == row.Environment && slices.Equal(before.apps[i].Origins, row.Origins) {
			a.backing = before.apps[i].backing
		} else {
			a.backing = s.backingOf(row)
		}
		kept[a.backing] = true
		apps = append(apps, a)
	}
	s.view.Store(newView(apps))
	for _, a := range before.apps {
		if !kept[a.backing] {
			a.backing.close()
		}
	}
}

func (s *server) backingOf(row registry.App) *backing {
	return &backing{credential: row.ID, bucket: serve.NewBucket(s.Limits.PerKey, s.Now()), open: func(ctx context.Context) (*verifier.Verifier, error) {
		w := Wiring{Observe: func(code api.Code) {
			if s.Decided != nil {
				s.Decided(row.ID, code)
			}
		}}
		if s.Events != nil {
			w.Events = func(v api.Verdict) *verifier.Event {
				if now, ok := s.Registry.View().App(row.ID); ok {
					return s.Events.Completed(now, v)
				}
				return nil
			}
		}
		return s.Open(context.WithoutCancel(ctx), row, w)
	}}
}

// refused tells of verdicts that are none of acceptance.
func (s *server) refused(ctx context.Context, a *app, v api.Verdict) {
	if s.Events != nil && !v.Success {
		s.Events.Refused(ctx, a.App, v)
	}
}
