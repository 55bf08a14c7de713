package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/verifier/httpapi"
	"github.com/perhuman/perhuman/verifier/httpapi/registry"
)

func verifierKeygen(_ context.Context, args []string, e env) error {
	f := flags("verifier keygen", "[-test] [-site | -admin | -webhook] FILE", e)
	test := f.Bool("test", false, "for the test environment")
	site := f.Bool("site", false, "a site's secret, for POST /siteverify")
	admin := f.Bool("admin", false, "a token for the admin listener")
	webhook := f.Bool("webhook", false, "a secret that webhooks are signed with")
	if err := parse(f, args, 1); err != nil {
		return err
	}
	kind, use := httpapi.LiveKey, "app key; give it to the app's server, and to `perhuman verifier -key`"
	switch {
	case *admin:
		kind, use = "pha_", "admin token; give it to `perhuman verifier -admin-token` and to the operator"
	case *site && *test:
		kind, use = registry.TestSecret, "site secret; give it to the app's server, and to `perhuman verifier -site ACTION=FILE`"
	case *site:
		kind, use = registry.LiveSecret, "site secret; give it to the app's server, and to `perhuman verifier -site ACTION=FILE`"
	case *test:
		kind = httpapi.TestKey
	}
	key, err := httpapi.NewKey(e.rand, kind)
	if *webhook {
		use = "webhook secret; give it to the app's server, and to `perhuman verifier -webhook-secret`"
		key, err = registry.NewWebhookSecret(e.rand)
	}
	if err != nil {
		return err
	}
	if err := writeSecret(f.Arg(0), key); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%s holds the %s.\n", f.Arg(0), use)
	return nil
}

// actionFlag collects "name=POLICY", as scope.ParsePolicy reads it.
type actionFlag map[string]scope.Policy

func (a actionFlag) String() string {
	var out []string
	for name, p := range a {
		out = append(out, name+"="+p.String())
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (a actionFlag) many() {}

func (a actionFlag) Set(s string) error {
	name, text, ok := strings.Cut(s, "=")
	if !ok {
		return errors.New("write NAME=once, NAME=returning, NAME=K/day, NAME=K/DURATION or NAME=snapshot:SEQ:once")
	}
	if err := scope.ValidateAction(name); err != nil {
		return err
	}
	p, err := scope.ParsePolicy(text)
	if err != nil {
		return err
	}
	a[name] = p
	return nil
}

// verifierFlags are the settings of a verifier service. Each flag -a-b has a
// twin PERHUMAN_A_B in the environment; what is given many times is separated
// by spaces there. A flag wins over its twin.
type verifierFlags struct {
	set *flag.FlagSet

	rp, environment, key, db, postgres, addr, admin, adminToken, webhook, webhookSecret string
	issuers, afresh, require, at, witnesses, origins, sites                             listFlag
	proxies, webhookAllow                                                               prefixFlag
	actions                                                                             actionFlag
	bound                                                                               uint
	quorum                                                                              int
	keyRate, originRate                                                                 float64
	standby, openMetrics                                                                bool
	freezeBefore                                                                        timeFlag
}

func newVerifierFlags(name string, e env) *verifierFlags {
	v := &verifierFlags{actions: actionFlag{}}
	f := flags(name, "-issuer VKEY... (-db FILE | -postgres FILE) [-rp RP -key FILE -action NAME=POLICY...] [-admin ADDR -admin-token FILE]", e)
	v.set = f
	f.StringVar(&v.rp, "rp", "", "the relying party as people see it; none: only apps made on the admin listener")
	f.StringVar(&v.environment, "env", "live", "live or test; part of every stored key")
	f.Var(&v.issuers, "issuer", "an issuer's verifier key, name+hash+key; many times: any of them")
	f.Var(&v.require, "require", "in place of -issuer: a proof under each of these")
	f.Var(&v.afresh, "afresh", "one of these keys, to be followed with no memory of an earlier key of the same issuer, which did not vouch for it")
	f.Var(&v.at, "at", "an issuer's address, URL or NAME=URL (default https://NAME)")
	f.Var(&v.witnesses, "witness", "verifier key of a witness of the issuers' logs")
	f.IntVar(&v.quorum, "quorum", 0, "how many witnesses must have cosigned")
	f.StringVar(&v.key, "key", "", "file with the app key (perhuman verifier keygen)")
	f.Var(v.actions, "action", "an action and its policy, NAME=POLICY")
	f.Var(&v.sites, "site", "a site's secret for an action, ACTION=FILE (perhuman verifier keygen -site)")
	f.Var(&v.origins, "origin", "an origin that may ask (default https://RP)")
	f.StringVar(&v.db, "db", "", "SQLite file for spent nullifiers")
	f.StringVar(&v.postgres, "postgres", "", "file with a PostgreSQL connection string or a shard map, in place of -db")
	f.BoolVar(&v.standby, "require-standby", false, "with -postgres: refuse servers without a synchronous standby")
	f.Var(&v.freezeBefore, "freeze-before", "after a restore: the `TIME` of it, as 2026-11-22T19:00:00Z; acts of periods that began before are refused until \""+thaw+"\" lifts it")
	f.UintVar(&v.bound, "bound", 0, "how many times one person can be in the set, if you know it to be more than the issuers say (0: what they say)")
	f.StringVar(&v.addr, "addr", "127.0.0.1:8081", "address to listen on")
	f.StringVar(&v.admin, "admin", "", "address of the admin listener, such as 127.0.0.1:8082 (default none)")
	f.StringVar(&v.adminToken, "admin-token", "", "file with the admin token (perhuman verifier keygen -admin)")
	f.BoolVar(&v.openMetrics, "open-metrics", false, "/metrics of the admin listener wants no token")
	f.Var(&v.proxies, "trusted-proxy", "network whose X-Forwarded-For is believed, as CIDR")
	f.Float64Var(&v.keyRate, "rate-key", 0, "proofs a second for each app (0: no bound)")
	f.Float64Var(&v.originRate, "rate-challenges", 0, "challenges a second for each origin and network (0: no bound)")
	f.StringVar(&v.webhook, "webhook", "", "address that is told of the decisions of -rp")
	f.StringVar(&v.webhookSecret, "webhook-secret", "", "file with the secret of -webhook (perhuman verifier keygen -webhook)")
	f.Var(&v.webhookAllow, "webhook-allow", "private network that webhooks may go to, as CIDR")
	return v
}

// parse reads the flags and their twins, and refuses what cannot be.
func (v *verifierFlags) parse(args []string, e env) error {
	if err := parse(v.set, args, 0); err != nil {
		return err
	}
	if err := twins(v.set, e.getenv); err != nil {
		return err
	}
	usage := func(text string) error {
		fmt.Fprintln(v.set.Output(), text)
		v.set.Usage()
		return hint(v.set)
	}
	switch {
	case v.bound > 1000:
		return errors.New("-bound is 0 to 1000")
	case (len(v.issuers) == 0) == (len(v.require) == 0):
		return usage("-issuer or -require, one of them, is needed")
	case (v.db == "") == (v.postgres == ""):
		return usage("-db or -postgres, one of them, is needed")
	case v.rp == "" && v.admin == "":
		return usage("-rp is needed, or -admin to make apps")
	case v.rp != "" && len(v.actions) == 0:
		return usage("-rp needs an -action")
	case v.rp == "" && (v.key != "" || len(v.actions) > 0 || len(v.sites) > 0 || len(v.origins) > 0 || v.webhook != ""):
		return usage("-key, -action, -site, -origin and -webhook belong to -rp")
	case (v.admin == "") != (v.adminToken == ""):
		return usage("-admin and -admin-token belong together")
	case (v.webhook == "") != (v.webhookSecret == ""):
		return usage("-webhook and -webhook-secret belong together")
	}
	return nil
}

// addresses reads -at.
func (v *verifierFlags) addresses() (map[string]string, error) {
	issuers := append(v.issuers[:len(v.issuers):len(v.issuers)], v.require...)
	out := map[string]string{}
	for _, at := range v.at {
		name, to, named := strings.Cut(at, "=")
		if !named || strings.Contains(name, "://") {
			if len(issuers) != 1 {
				return nil, errors.New("-at with several issuers is NAME=URL")
			}
			key, err := setlog.ParseVKey(issuers[0])
			if err != nil {
				return nil, err
			}
			name, to = key.Name(), at
		}
		if u, err := url.Parse(to); err != nil || u.Host == "" {
			return nil, fmt.Errorf("-at %q is no URL", to)
		}
		out[name] = to
	}
	return out, nil
}

// listFlag collects what is given many times.
type listFlag []string

func (l *listFlag) String() string {
	if l == nil {
		return ""
	}
	return strings.Join(*l, " ")
}

func (l *listFlag) Set(s string) error {
	*l = append(*l, s)
	return nil
}

func (l *listFlag) many() {}

// prefixFlag collects networks.
type prefixFlag []netip.Prefix

func (p *prefixFlag) String() string {
	if p == nil {
		return ""
	}
	var out []string
	for _, one := range *p {
		out = append(out, one.String())
	}
	return strings.Join(out, " ")
}

func (p *prefixFlag) Set(s string) error {
	one, err := netip.ParsePrefix(s)
	if err != nil {
		return err
	}
	*p = append(*p, one.Masked())
	return nil
}

func (p *prefixFlag) many() {}

var (
	_ flag.Value = actionFlag{}
	_ flag.Value = (*prefixFlag)(nil)
)
