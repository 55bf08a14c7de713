package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/sethttp"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier"
)

const (
	netTimeout = 10 * time.Second
	maxSkew    = 10 * time.Second // warned about; a verifier tolerates scope.Skew
)

// issuerHealth follows an issuer for one head, as a verifier would.
func issuerHealth(ctx context.Context, vkey, at string, now time.Time) []finding {
	const name = "issuer"
	ctx, cancel := context.WithTimeout(ctx, netTimeout)
	defer cancel()
	source, err := sethttp.New(sethttp.Config{VKey: vkey, At: at})
	if err != nil {
		return []finding{fault(name, "a verifier key reads name+hash+key; the issuer prints it at keygen", err)}
	}
	if err := source.Refresh(ctx); err != nil {
		var fork *setlog.ErrFork
		if errors.As(err, &fork) {
			return []finding{fault(name, "stop trusting this issuer and keep the evidence: it signed two histories", err)}
		}
		return []finding{fault(name, "see whether its address, its key and this machine's clock are right", err)}
	}
	head, _ := source.Follower().Head()
	age := now.Sub(time.Unix(int64(head.Issued), 0)) // #nosec G115 -- unix seconds of a checked head
	out := []finding{good(name, "%s: seq %d, %d live members, head %d s old, root proven in its log", head.Origin, head.Seq, head.Live, int(age.Seconds()))}
	if age < -maxSkew || age > setlog.DefaultMaxStaleness {
		out = append(out, warning("clock", "synchronise the clocks; a head older than two minutes refuses everybody", "the head was signed %v from now", age.Round(time.Second)))
	}
	return append(out, issuerClaims(ctx, source)...)
}

// issuerClaims reads what an issuer says about itself.
func issuerClaims(ctx context.Context, source *sethttp.Source) []finding {
	info, err := source.Info(ctx)
	if errors.Is(err, sethttp.ErrInfo) {
		return []finding{fault("metadata", "pin the key that the issuer publishes, once you have made sure of it", err)}
	}
	if err != nil {
		return []finding{warning("metadata", "an issuer publishes what it is worth; ask its operator", "%v", err)}
	}
	var out []finding
	if vkey := source.Follower().VKey(); info.VKey != vkey {
		out = append(out, warning("metadata", "pin both keys until the old one is dropped, then the new one alone", "the issuer is changing its key to %q", info.VKey))
	}
	if info.Matcher == "plain" {
		out = append(out, warning("matcher", "templates are open in the issuer's memory: not for production", "plain"))
	}
	if info.Bound != 1 {
		out = append(out, warning("bound", "verdicts will say so; choose a policy that bears it", "one person can be in this set %d times", info.Bound))
	}
	return out
}

// relyingParty reads what a site publishes.
func relyingParty(ctx context.Context, rp, issuer string) []finding {
	const name = "relying party"
	if err := scope.ValidateRP(rp); err != nil {
		return []finding{fault(name, "the host as people see it, without https://", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, netTimeout)
	defer cancel()
	var w api.WellKnown
	if err := getJSON(ctx, verifier.DefaultOrigin(rp)+"/.well-known/perhuman.json", &w); err != nil {
		return []finding{fault(name, "route GET /.well-known/perhuman.json to Gate.WellKnown, or to the verifier service", err)}
	}
	switch {
	case w.RP != rp:
		return []finding{fault(name, "sdk.Config.RP is the host that people see", fmt.Errorf("it answers for %q", w.RP))}
	case len(w.Keys) == 0:
		return []finding{fault(name, "wallets check challenges with these keys", errors.New("no keys are published"))}
	case issuer != "" && !slices.Contains(w.Issuers, issuer):
		return []finding{fault(name, "sdk.Config.Issuers", errors.New("it does not accept this issuer"))}
	}
	return []finding{good(name, "%s: %d keys, %d issuers, %d actions, depth %d", rp, len(w.Keys), len(w.Issuers), len(w.Actions), w.Depth)}
}

// getJSON reads a small public document. Fields that we do not know are left
// alone: the other side may be newer.
func getJSON(ctx context.Context, url string, out any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: sethttp.NewTransport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	return json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(out)
}
