package registry

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perhuman/perhuman/semaphore/scope"
)

// Errors of the registry; all others come from the store.
var (
	ErrNotFound = errors.New("registry: there is no such thing")
	ErrInvalid  = errors.New("registry: not acceptable")
	ErrConflict = errors.New("registry: it contradicts what is there")
	ErrContend  = errors.New("registry: others keep changing it; try again")
)

// Limits of the document: it is read as a whole.
const (
	MaxApps    = 2000
	MaxActions = 200
	MaxKeys    = 16 // of one app or site, those that ended apart
	MaxSites   = 100
	MaxHooks   = 8
	MaxOrigins = 16
)

// App is one application: a relying party in one environment.
type App struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	RP          string            `json:"rp"`
	Environment string            `json:"environment"`
	Origins     []string          `json:"origins"`
	Actions     map[string]string `json:"actions"` // name -> policy, as scope.ParsePolicy reads it
	Keys        []Key             `json:"keys,omitempty"`
	Sites       []Site            `json:"sites,omitempty"`
	Hooks       []Hook            `json:"hooks,omitempty"`
	Created     int64             `json:"created"` // seconds since 1970, as all times here
}

// Key is an app key or a site's secret, without what would let anybody in.
type Key struct {
	ID      string `json:"id"`
	Hash    []byte `json:"hash"` // SHA-256
	Created int64  `json:"created"`
	Ends    int64  `json:"ends,omitempty"` // from here on it is refused; 0 = never
}

// Active says whether the key works at a time.
func (k Key) Active(now time.Time) bool { return k.Ends == 0 || now.Unix() < k.Ends }

// Site is a sitekey and its secrets: what replaces a CAPTCHA's pair. It stands
// for one action, and for some of the app's origins.
type Site struct {
	Key     string   `json:"sitekey"`
	Action  string   `json:"action"`
	Origins []string `json:"origins"`
	Secrets []Key    `json:"secrets"`
	Created int64    `json:"created"`
}

// Hook is a webhook: where to, and what it is signed with.
type Hook struct {
	ID      string   `json:"id"`
	URL     string   `json:"url"`
	Events  []string `json:"events"` // none = all
	Secrets []Secret `json:"secrets"`
	Created int64    `json:"created"`
}

// Secret signs webhooks: "whsec_" and base64, as Standard Webhooks has it.
type Secret struct {
	Value   string `json:"value"`
	Created int64  `json:"created"`
	Ends    int64  `json:"ends,omitempty"`
}

// Active says whether the secret still signs.
func (s Secret) Active(now time.Time) bool { return s.Ends == 0 || now.Unix() < s.Ends }

// Policies gives the parsed actions.
func (a App) Policies() (map[string]scope.Policy, error) {
	out := make(map[string]scope.Policy, len(a.Actions))
	for name, text := range a.Actions {
		p, err := scope.ParsePolicy(text)
		if err != nil {
			return nil, fmt.Errorf("%w: action %s: %w", ErrInvalid, name, err)
		}
		out[name] = p
	}
	return out, nil
}

func (a App) check() error {
	if a.Name == "" || len(a.Name) > 100 || !utf8.ValidString(a.Name) || strings.ContainsFunc(a.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%w: a name has 1 to 100 bytes and no control characters", ErrInvalid)
	}
	if err := scope.ValidateRP(a.RP); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if n := len(a.Environment); n == 0 || n > 32 || strings.Trim(a.Environment, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return fmt.Errorf("%w: an environment has 1 to 32 of a-z, 0-9, - and _", ErrInvalid)
	}
	if len(a.Actions) == 0 || len(a.Actions) > MaxActions {
		return fmt.Errorf("%w: an app has 1 to %d actions", ErrInvalid, MaxActions)
	}
	for name := range a.Actions {
		if err := scope.ValidateAction(name); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	if _, err := a.Policies(); err != nil {
		return err
	}
	if len(a.Origins) == 0 || len(a.Origins) > MaxOrigins {
		return fmt.Errorf("%w: an app has 1 to %d origins", ErrInvalid, MaxOrigins)
	}
	for i, o := range a.Origins {
		if rp, err := scope.RPFromOrigin(o); err != nil || rp != a.RP || slices.Contains(a.Origins[:i], o) {
			return fmt.Errorf("%w: %q is no origin of %s, or is there twice", ErrInvalid, o, a.RP)
		}
	}
	return nil
}

func (a App) checkSite(s Site) error {
	if _, ok := a.Actions[s.Action]; !ok {
		return fmt.Errorf("%w: the app has no action %q", ErrInvalid, s.Action)
	}
	for _, o := range s.Origins {
		if !slices.Contains(a.Origins, o) {
			return fmt.Errorf("%w: %q is no origin of the app", ErrInvalid, o)
		}
	}
	if len(s.Origins) == 0 {
		return fmt.Errorf("%w: a site needs an origin", ErrInvalid)
	}
	return nil
}

// checkHook looks at what can be seen without the network; who delivers looks
// at the address again, when it is known.
func checkHook(h Hook, events []string) error {
	u, err := url.Parse(h.URL)
	if err != nil || len(h.URL) > 2000 || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%w: a webhook's address is an http(s) URL without user and fragment", ErrInvalid)
	}
	for _, e := range h.Events {
		if !slices.Contains(events, e) {
			return fmt.Errorf("%w: there is no event %q", ErrInvalid, e)
		}
	}
	return nil
}

// mayReplace refuses a change of kind, period or frozen set of an action.
func mayReplace(before, after string) error {
	b, err := scope.ParsePolicy(before)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	a, err := scope.ParsePolicy(after)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	b.K, a.K = 0, 0
	if a != b {
		return fmt.Errorf("%w: an action keeps its kind and period; only its number may change", ErrConflict)
	}
	return nil
}
