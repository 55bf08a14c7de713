package registry

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"time"
)

// SecretPrefix starts every webhook secret.
const SecretPrefix = "whsec_"

// MaxOverlap bounds how long an old key may go on working after a rotation.
const MaxOverlap = 30 * 24 * time.Hour

// newKey makes a key and what is kept of it.
func (r *Registry) newKey(kind string) (string, Key, error) {
	secret, err := NewKey(r.cfg.Rand, kind)
	if err != nil {
		return "", Key{}, err
	}
	id, err := r.name("key_")
	hash := Hash(secret)
	return secret, Key{ID: id, Hash: hash[:], Created: r.cfg.Now().Unix()}, err
}

// add appends a key; those there end after an overlap, if one is given. Keys
// that ended a month ago are forgotten.
func (r *Registry) add(keys []Key, k Key, overlap *time.Duration) ([]Key, error) {
	now := r.cfg.Now()
	keys = slices.DeleteFunc(keys, func(k Key) bool { return k.Ends != 0 && k.Ends < now.Add(-MaxOverlap).Unix() })
	if overlap != nil {
		end := now.Add(*overlap).Unix()
		for i := range keys {
			if keys[i].Ends == 0 || keys[i].Ends > end {
				keys[i].Ends = end
			}
		}
	}
	active := 0
	for _, k := range keys {
		if k.Active(now) {
			active++
		}
	}
	if active >= MaxKeys {
		return nil, fmt.Errorf("%w: there are %d keys already", ErrInvalid, active)
	}
	return append(keys, k), nil
}

func checkOverlap(d time.Duration) error {
	if d < 0 || d > MaxOverlap {
		return fmt.Errorf("%w: an overlap is 0 to %s", ErrInvalid, MaxOverlap)
	}
	return nil
}

// revoke ends a key now.
func (r *Registry) revoke(keys []Key, id string) error {
	i := slices.IndexFunc(keys, func(k Key) bool { return k.ID == id })
	if i < 0 {
		return ErrNotFound
	}
	if now := r.cfg.Now(); keys[i].Active(now) {
		keys[i].Ends = now.Unix()
	}
	return nil
}

// CreateKey gives an app one more key. The key itself is in no store: this is
// the only time that it can be read.
func (r *Registry) CreateKey(ctx context.Context, app string) (string, Key, error) {
	return r.issue(ctx, app, nil)
}

// RotateKey gives an app a new key; those it has work for the overlap longer.
func (r *Registry) RotateKey(ctx context.Context, app string, overlap time.Duration) (string, Key, error) {
	if err := checkOverlap(overlap); err != nil {
		return "", Key{}, err
	}
	return r.issue(ctx, app, &overlap)
}

func (r *Registry) issue(ctx context.Context, id string, overlap *time.Duration) (string, Key, error) {
	a, ok := r.View().App(id)
	if !ok {
		if err := r.Refresh(ctx); err != nil {
			return "", Key{}, err
		}
		if a, ok = r.View().App(id); !ok {
			return "", Key{}, ErrNotFound
		}
	}
	secret, key, err := r.newKey(kindFor(a.Environment, LiveKey, TestKey))
	if err != nil {
		return "", Key{}, err
	}
	_, err = r.changeApp(ctx, id, func(a *App) (err error) {
		a.Keys, err = r.add(a.Keys, key, overlap)
		return err
	})
	if err != nil {
		return "", Key{}, err
	}
	return secret, key, nil
}

// ImportKey enters a key that was made elsewhere, for a service that is
// started with one on its command line. A key that is there already is left.
func (r *Registry) ImportKey(ctx context.Context, app, secret string) error {
	id, err := r.name("key_")
	if err != nil {
		return err
	}
	hash := Hash(secret)
	_, err = r.changeApp(ctx, app, func(a *App) (err error) {
		if err := CheckKey(secret, a.Environment, false); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		if slices.ContainsFunc(a.Keys, func(k Key) bool { return string(k.Hash) == string(hash[:]) }) {
			return nil
		}
		a.Keys, err = r.add(a.Keys, Key{ID: id, Hash: hash[:], Created: r.cfg.Now().Unix()}, nil)
		return err
	})
	return err
}

// RevokeKey ends an app key now; other processes learn of it when they read
// the document again.
func (r *Registry) RevokeKey(ctx context.Context, app, key string) error {
	_, err := r.changeApp(ctx, app, func(a *App) error { return r.revoke(a.Keys, key) })
	return err
}

// CreateSite makes a sitekey and a secret for one action of an app. Origins
// default to all of the app's.
func (r *Registry) CreateSite(ctx context.Context, app, action string, origins []string) (string, Site, error) {
	a, ok := r.View().App(app)
	if !ok {
		return "", Site{}, ErrNotFound
	}
	sitekey, err := r.name("phsite_")
	if err != nil {
		return "", Site{}, err
	}
	secret, key, err := r.newKey(kindFor(a.Environment, LiveSecret, TestSecret))
	if err != nil {
		return "", Site{}, err
	}
	site := Site{Key: sitekey, Action: action, Origins: slices.Clone(origins), Secrets: []Key{key}, Created: key.Created}
	if len(site.Origins) == 0 {
		site.Origins = slices.Clone(a.Origins)
	}
	_, err = r.changeApp(ctx, app, func(a *App) error {
		if len(a.Sites) >= MaxSites {
			return fmt.Errorf("%w: there are %d sites already", ErrInvalid, MaxSites)
		}
		if err := a.checkSite(site); err != nil {
			return err
		}
		a.Sites = append(a.Sites, site)
		return nil
	})
	if err != nil {
		return "", Site{}, err
	}
	return secret, site, nil
}

// RotateSite gives a site a new secret; those it has work for the overlap
// longer.
func (r *Registry) RotateSite(ctx context.Context, app, sitekey string, overlap time.Duration) (string, Key, error) {
	if err := checkOverlap(overlap); err != nil {
		return "", Key{}, err
	}
	a, ok := r.View().App(app)
	if !ok {
		return "", Key{}, ErrNotFound
	}
	secret, key, err := r.newKey(kindFor(a.Environment, LiveSecret, TestSecret))
	if err != nil {
		return "", Key{}, err
	}
	_, err = r.changeApp(ctx, app, func(a *App) (err error) {
		i := slices.IndexFunc(a.Sites, func(s Site) bool { return s.Key == sitekey })
		if i < 0 {
			return ErrNotFound
		}
		a.Sites[i].Secrets, err = r.add(a.Sites[i].Secrets, key, &overlap)
		return err
	})
	if err != nil {
		return "", Key{}, err
	}
	return secret, key, nil
}

// RemoveSite takes a site and its secrets away at once.
func (r *Registry) RemoveSite(ctx context.Context, app, sitekey string) error {
	_, err := r.changeApp(ctx, app, func(a *App) error {
		n := len(a.Sites)
		a.Sites = slices.DeleteFunc(a.Sites, func(s Site) bool { return s.Key == sitekey })
		if len(a.Sites) == n {
			return ErrNotFound
		}
		return nil
	})
	return err
}

// NewWebhookSecret makes a secret in the form of Standard Webhooks.
func NewWebhookSecret(rand io.Reader) (string, error) {
	var b [32]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("registry: %w", err)
	}
	return SecretPrefix + base64.StdEncoding.EncodeToString(b[:]), nil
}

// CreateHook makes a webhook of an app and gives its secret.
func (r *Registry) CreateHook(ctx context.Context, app, url string, events []string) (string, Hook, error) {
	id, err := r.name("hook_")
	if err != nil {
		return "", Hook{}, err
	}
	secret, err := NewWebhookSecret(r.cfg.Rand)
	if err != nil {
		return "", Hook{}, err
	}
	now := r.cfg.Now().Unix()
	hook := Hook{ID: id, URL: url, Events: slices.Clone(events), Secrets: []Secret{{Value: secret, Created: now}}, Created: now}
	if err := checkHook(hook, Events); err != nil {
		return "", Hook{}, err
	}
	_, err = r.changeApp(ctx, app, func(a *App) error {
		if len(a.Hooks) >= MaxHooks {
			return fmt.Errorf("%w: there are %d webhooks already", ErrInvalid, MaxHooks)
		}
		a.Hooks = append(a.Hooks, hook)
		return nil
	})
	if err != nil {
		return "", Hook{}, err
	}
	return secret, hook, nil
}

// RotateHook gives a webhook a new secret. During the overlap deliveries carry
// a signature by each.
func (r *Registry) RotateHook(ctx context.Context, app, hook string, overlap time.Duration) (string, error) {
	if err := checkOverlap(overlap); err != nil {
		return "", err
	}
	secret, err := NewWebhookSecret(r.cfg.Rand)
	if err != nil {
		return "", err
	}
	now := r.cfg.Now()
	_, err = r.changeApp(ctx, app, func(a *App) error {
		i := slices.IndexFunc(a.Hooks, func(h Hook) bool { return h.ID == hook })
		if i < 0 {
			return ErrNotFound
		}
		h := &a.Hooks[i]
		h.Secrets = slices.DeleteFunc(h.Secrets, func(s Secret) bool { return !s.Active(now) })
		if len(h.Secrets) >= MaxKeys {
			return fmt.Errorf("%w: there are %d secrets already", ErrInvalid, MaxKeys)
		}
		end := now.Add(overlap).Unix()
		for i := range h.Secrets {
			if h.Secrets[i].Ends == 0 || h.Secrets[i].Ends > end {
				h.Secrets[i].Ends = end
			}
		}
		h.Secrets = append([]Secret{{Value: secret, Created: now.Unix()}}, h.Secrets...)
		return nil
	})
	return secret, err
}

// RemoveHook takes a webhook away; what is in the queue for it is dropped when
// it is due.
func (r *Registry) RemoveHook(ctx context.Context, app, hook string) error {
	_, err := r.changeApp(ctx, app, func(a *App) error {
		n := len(a.Hooks)
		a.Hooks = slices.DeleteFunc(a.Hooks, func(h Hook) bool { return h.ID == hook })
		if len(a.Hooks) == n {
			return ErrNotFound
		}
		return nil
	})
	return err
}

// Events are the kinds of event that a webhook may ask for.
var Events = []string{EventCompleted, EventRefused}

// The events.
const (
	EventCompleted = "verification.completed"
	EventRefused   = "verification.refused"
)
