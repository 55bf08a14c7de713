package registry

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/perhuman/perhuman/verifier"
)

// AppParams describe a new app. Origins default to the relying party's own.
type AppParams struct {
	Name        string            `json:"name"`
	RP          string            `json:"rp"`
	Environment string            `json:"environment"`
	Origins     []string          `json:"origins,omitempty"`
	Actions     map[string]string `json:"actions"`
}

// CreateApp enters an app. It has no key yet.
func (r *Registry) CreateApp(ctx context.Context, p AppParams) (App, error) {
	id, err := r.name("app_")
	if err != nil {
		return App{}, err
	}
	app := App{
		ID: id, Name: p.Name, RP: p.RP, Environment: p.Environment, Origins: slices.Clone(p.Origins),
		Actions: maps.Clone(p.Actions), Created: r.cfg.Now().Unix(),
	}
	if len(app.Origins) == 0 && app.RP != "" {
		app.Origins = []string{verifier.DefaultOrigin(app.RP)}
	}
	if err := app.check(); err != nil {
		return App{}, err
	}
	return app, r.change(ctx, func(doc *document) error {
		if len(doc.Apps) >= MaxApps {
			return fmt.Errorf("%w: there are %d apps already", ErrInvalid, MaxApps)
		}
		for _, other := range doc.Apps {
			if err := agree(other, app); err != nil {
				return err
			}
		}
		doc.Apps = append(doc.Apps, app)
		return nil
	})
}

// agree refuses two policies for one action of one relying party: the store
// would refuse the second anyway, with policy_conflict, at people's cost.
func agree(a, b App) error {
	if a.RP != b.RP || a.Environment != b.Environment || a.ID == b.ID {
		return nil
	}
	for name, policy := range b.Actions {
		if other, ok := a.Actions[name]; ok {
			if err := mayReplace(other, policy); err != nil {
				return fmt.Errorf("action %s of app %s: %w", name, a.ID, err)
			}
		}
	}
	return nil
}

// AppChange says what of an app is to be replaced; nil and empty are left.
type AppChange struct {
	Name    string            `json:"name,omitempty"`
	Origins []string          `json:"origins,omitempty"`
	Actions map[string]string `json:"actions,omitempty"` // the whole table
}

// ChangeApp replaces parts of an app. An action that is dropped is served no
// more, but its policy stays bound: it comes back only as it was.
func (r *Registry) ChangeApp(ctx context.Context, id string, c AppChange) (App, error) {
	var out App
	err := r.change(ctx, func(doc *document) error {
		i := slices.IndexFunc(doc.Apps, func(a App) bool { return a.ID == id })
		if i < 0 {
			return ErrNotFound
		}
		app := &doc.Apps[i]
		if c.Name != "" {
			app.Name = c.Name
		}
		if len(c.Origins) > 0 {
			app.Origins = slices.Clone(c.Origins)
		}
		if len(c.Actions) > 0 {
			for name, policy := range c.Actions {
				if before, ok := app.Actions[name]; ok {
					if err := mayReplace(before, policy); err != nil {
						return err
					}
				}
			}
			app.Actions = maps.Clone(c.Actions)
		}
		if err := app.check(); err != nil {
			return err
		}
		for _, s := range app.Sites {
			if err := app.checkSite(s); err != nil {
				return fmt.Errorf("site %s: %w", s.Key, err)
			}
		}
		for _, other := range doc.Apps {
			if err := agree(other, *app); err != nil {
				return err
			}
		}
		out = *app
		return nil
	})
	return out, err
}

// RemoveApp takes an app and all its keys away. What its people have spent
// stays spent.
func (r *Registry) RemoveApp(ctx context.Context, id string) error {
	return r.change(ctx, func(doc *document) error {
		n := len(doc.Apps)
		doc.Apps = slices.DeleteFunc(doc.Apps, func(a App) bool { return a.ID == id })
		if len(doc.Apps) == n {
			return ErrNotFound
		}
		return nil
	})
}
