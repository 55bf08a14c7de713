package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
)

// issuerFlags are the settings of an issuer service. Each flag -a-b has a twin
// PERHUMAN_A_B in the environment and may stand as a line "a-b value" in the
// file that -config names. A flag wins over its twin, a twin over the file.
type issuerFlags struct {
	set *flag.FlagSet

	config                                                         string
	key, sealing, matcher, db, snapshot, cache, gallery, published string
	oldKeys                                                        listFlag
	addr, origin, admin, adminToken, logs                          string
	openMetrics, paused                                            bool
	deviceRate, operatorRate                                       issuer.Rate
	anchor, window, session, reload, rekey, cooldown, reentry      time.Duration
	minBatch, depth, quorum                                        int
	roots, unattended                                              listFlag
	virtual                                                        bool
	revoked, firmware, rates                                       string
	consents                                                       listFlag
	witnesses                                                      listFlag
	parties                                                        listFlag
	link                                                           string
	partyTimeout, partyRefresh, auditEvery                         time.Duration
	auditRoot                                                      string
	auditPeople                                                    int

	from map[string]string // where each setting came from
}

const issuerUsage = "-key FILE -sealing FILE (-matcher-key FILE | -parties FILE -link-key FILE) -db FILE -device-root CLASS=KEY... -consent [LANGUAGE=]FILE... [flags]"

func newIssuerFlags(name string, e env) *issuerFlags {
	v := &issuerFlags{from: map[string]string{}}
	f := flags(name, issuerUsage, e)
	v.set = f
	f.StringVar(&v.config, "config", "", "file with settings, one on a line: the name of a flag and its value")
	f.StringVar(&v.key, "key", "", "file with the signing key (perhuman issuer keygen)")
	f.Var(&v.oldKeys, "old-key", "file with a signing key that -key replaces: heads and checkpoints bear its signature too")
	f.StringVar(&v.sealing, "sealing", "", "file with the secret that templates and links are sealed under; kept apart from the database")
	f.StringVar(&v.matcher, "matcher-key", "", "file with the key that captures are sealed to; with it this process reads templates (the plain matcher)")
	f.Var(&v.parties, "parties", "group file of three parties that compare people in place of this process (the private matcher); one for each kind of capture")
	f.StringVar(&v.link, "link-key", "", "file with the key that the group files name as the issuer's (perhuman issuer keygen -link)")
	f.DurationVar(&v.partyTimeout, "party-timeout", partyTimeoutDefault, "how long one comparison at the parties may take")
	f.DurationVar(&v.partyRefresh, "party-refresh", partyRefreshDefault, "how often the parties give all shares new values; 0: only by hand (POST /admin/refresh)")
	f.StringVar(&v.auditRoot, "audit-root", "", "file with the root of a device for audits of the parties (perhuman capture keygen), which their group file names as audit=KEY (default no audits)")
	f.DurationVar(&v.auditEvery, "audit-every", time.Hour, "mean time between audits of the parties; besides there is one before the first comparison after a start")
	f.IntVar(&v.auditPeople, "audit-people", 3, "how many people who do not exist are planted for audits, 1 to 16")
	f.StringVar(&v.db, "db", "", "SQLite file of the set, the log and the sealed templates, or a PostgreSQL DSN")
	f.StringVar(&v.published, "published", "", "file that remembers the newest published checkpoint, out of reach of the database's backups (default beside an SQLite file, none for PostgreSQL)")
	f.StringVar(&v.snapshot, "snapshot", "", "file for a copy of the set, for quick starts (default -db with .set at its end; \"none\": no copy)")
	f.StringVar(&v.cache, "gallery-cache", "", "file with all templates as they stand in memory, sealed, for quick openings of a large gallery; as large as it is (default -db with .gallery at its end, none for PostgreSQL; \"none\": no cache)")
	f.StringVar(&v.gallery, "gallery-key", "", "file with a secret of its own for templates, in place of one from -sealing; may be mounted after the start")
	f.StringVar(&v.addr, "addr", "127.0.0.1:8080", "address to listen on; put a TLS proxy before it")
	f.StringVar(&v.origin, "origin", "", "the issuer's own web origin (default https:// and the host in its name)")
	f.StringVar(&v.admin, "admin", "", "address of the admin listener, such as 127.0.0.1:8083 (default none)")
	f.StringVar(&v.adminToken, "admin-token", "", "file with the admin token (perhuman issuer keygen -admin)")
	f.BoolVar(&v.openMetrics, "open-metrics", false, "/metrics of the admin listener wants no token")
	f.StringVar(&v.logs, "log", "text", "form of the log lines: text or json")
	f.DurationVar(&v.anchor, "anchor", 10*time.Minute, "time between anchors")
	f.IntVar(&v.minBatch, "min-batch", 1, "changes that are worth an anchor before the day ends")
	f.DurationVar(&v.window, "window", time.Hour, "how long a superseded root stays good")
	f.DurationVar(&v.session, "session", 10*time.Minute, "how long an enrolment session lasts")
	f.DurationVar(&v.rekey, "rekey-period", 24*time.Hour, "recovered people's new leaves come after multiples of it; negative: no recoveries")
	f.DurationVar(&v.cooldown, "cooldown", 7*24*time.Hour, "in which the old key may veto a recovery")
	f.DurationVar(&v.reentry, "reentry-delay", 30*24*time.Hour, "between a deletion and a new enrolment")
	f.IntVar(&v.depth, "depth", 20, "proof depth of the deployment")
	f.Var(&v.roots, "device-root", "a key that vouches for capture devices of a class, CLASS=KEY: base64url of 32 bytes (Ed25519) or 33 (P-256)")
	f.BoolVar(&v.virtual, "virtual", false, "believe virtual devices, which have no camera: for tests and demonstrations")
	f.Var(&v.unattended, "unattended", "class of devices whose refusals must not tell that a person is known")
	f.StringVar(&v.revoked, "revoked", "", "file with revoked devices and keys; read again when it changes")
	f.StringVar(&v.firmware, "firmware", "", "file with the SHA-256 of allowed firmwares; read again when it changes")
	f.DurationVar(&v.reload, "reload", 30*time.Second, "how often to look whether -revoked and -firmware have changed")
	f.Var(&v.consents, "consent", "file with the consent text that people are shown, once for each language, a BCP 47 tag: LANGUAGE=FILE, or FILE for English")
	f.StringVar(&v.rates, "error-rates", "", "file with the error rates claimed, JSON: [{\"modality\", \"claim\", \"data\"}]")
	f.Var(&v.witnesses, "witness", "a witness that cosigns the log, VKEY@URL")
	f.IntVar(&v.quorum, "quorum", 0, "how many witnesses make an enrolment witnessed (0: all)")
	f.TextVar(&v.deviceRate, "device-rate", issuer.Rate{}, "captures of one device that are compared in a period, such as 100/1h (default no bound)")
	f.TextVar(&v.operatorRate, "operator-rate", issuer.Rate{}, "the same for one operator")
	f.BoolVar(&v.paused, "paused", false, "start with enrolment paused")
	return v
}

// read takes flags, twins and file together.
func (v *issuerFlags) read(args []string, e env) error {
	if err := parse(v.set, args, 0); err != nil {
		return err
	}
	v.note("flag")
	if err := twins(v.set, e.getenv); err != nil {
		return err
	}
	v.note("environment")
	if v.config == "" {
		return nil
	}
	if err := v.file(); err != nil {
		return err
	}
	v.note(v.config)
	return nil
}

// note writes down where settings came from that were not set before.
func (v *issuerFlags) note(source string) {
	v.set.Visit(func(one *flag.Flag) {
		if _, ok := v.from[one.Name]; !ok {
			v.from[one.Name] = source
		}
	})
}

// file reads -config. A setting that stands on the command line or in the
// environment is passed over; one that is no flag is refused.
func (v *issuerFlags) file() error {
	text, err := readFile(v.config)
	if err != nil {
		return err
	}
	for n, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, value, _ := strings.Cut(line, " ")
		value = strings.TrimSpace(value)
		one := v.set.Lookup(name)
		if one == nil || name == "config" {
			return fmt.Errorf("%s:%d: no setting %q", v.config, n+1, name)
		}
		if _, ok := v.from[name]; ok {
			continue
		}
		if b, ok := one.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() && value == "" {
			value = "true"
		}
		if err := v.set.Set(name, value); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", v.config, n+1, name, err)
		}
	}
	return nil
}

// check refuses what cannot be.
func (v *issuerFlags) check() error {
	usage := func(text string) error {
		fmt.Fprintln(v.set.Output(), text)
		v.set.Usage()
		return hint(v.set)
	}
	switch {
	case v.key == "" || v.sealing == "" || v.db == "":
		return usage("-key, -sealing and -db are needed")
	case (v.matcher == "") == (len(v.parties) == 0):
		return usage("either -matcher-key or -parties is needed")
	case (v.link == "") != (len(v.parties) == 0):
		return usage("-parties and -link-key belong together")
	case v.partyTimeout < time.Second:
		return usage("-party-timeout is a second at least")
	case v.auditRoot != "" && len(v.parties) == 0:
		return usage("-audit-root is for -parties")
	case v.auditEvery < time.Second || v.auditPeople < 1 || v.auditPeople > 16:
		return usage("-audit-every is a second at least, -audit-people 1 to 16")
	case v.partyRefresh < 0 || v.partyRefresh > 0 && v.partyRefresh < time.Minute:
		return usage("-party-refresh is a minute at least, or 0")
	case len(v.roots) == 0:
		return usage("-device-root is needed: no capture is believed without one")
	case len(v.consents) == 0:
		return usage("-consent is needed: people agree to a text, and captures are bound to it")
	case (v.admin == "") != (v.adminToken == ""):
		return usage("-admin and -admin-token belong together")
	case v.quorum < 0 || v.quorum > len(v.witnesses):
		return usage("-quorum is at most the number of witnesses")
	case v.logs != "text" && v.logs != "json":
		return usage("-log is text or json")
	}
	_, err := v.witnessList()
	return err
}

// aWitness is one -witness.
type aWitness struct{ vkey, at string }

func (v *issuerFlags) witnessList() (out []aWitness, err error) {
	for _, w := range v.witnesses {
		n := strings.LastIndex(w, "@http")
		if n < 0 {
			return nil, fmt.Errorf("-witness %q is not VKEY@URL", w)
		}
		if u, err := url.Parse(w[n+1:]); err != nil || u.Host == "" {
			return nil, fmt.Errorf("-witness %q: no URL", w)
		}
		out = append(out, aWitness{w[:n], w[n+1:]})
	}
	return out, nil
}

// issuerConfigPrint shows what a service would be started with. Secrets are in
// files, of which it prints the names.
func issuerConfigPrint(_ context.Context, args []string, e env) error {
	v := newIssuerFlags("issuer config print", e)
	if err := v.read(args, e); err != nil {
		return err
	}
	v.print(e.out)
	return v.check()
}

func (v *issuerFlags) print(w io.Writer) {
	v.set.VisitAll(func(one *flag.Flag) {
		from := v.from[one.Name]
		switch from {
		case "":
			from = "default"
		case "environment":
			from = twin(one.Name)
		}
		fmt.Fprintf(w, "%-18s %-46s # %s\n", one.Name, redact(one.Value.String()), from)
	})
}

// consentHashes are of the texts that -consent names.
func (v *issuerFlags) consentHashes() ([][32]byte, error) {
	var out [][32]byte
	known := map[string]bool{}
	for _, setting := range v.consents {
		language, file, named := strings.Cut(setting, "=")
		if !named || strings.ContainsAny(language, `/\.`) { // a path with an equals sign in it
			language, file = "en", setting
		}
		if known[language] {
			return nil, fmt.Errorf("-consent: there are two texts in the language %q", language)
		}
		known[language] = true
		text, err := readFile(file)
		if err != nil {
			return nil, err
		}
		hash, err := capture.ConsentHash(language, string(text))
		if err != nil {
			return nil, fmt.Errorf("-consent %s: %w", setting, err)
		}
		out = append(out, hash)
	}
	return out, nil
}
