package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party/partytest"
	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/agent"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/humantest"
	"github.com/perhuman/perhuman/sdk/tally"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/artifacts/depth20"
	"github.com/perhuman/perhuman/semaphore/prove"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
	"github.com/perhuman/perhuman/verifier/postgres"
	"github.com/perhuman/perhuman/verifier/postgres/pgtest"
)

// scenes say what has to be there before the blocks of a page run.
var scenes = map[string]func(*world) *world{
	"README":           builds,
	"quick-start":      builds,
	"agents":           signs,
	"integrate-http":   asks,
	"replace-captcha":  redeems,
	"operations":       operates,
	"storage":          stores,
	"polls":            counts,
	"wallet":           keeps,
	"issuer":           issues,
	"issuer-storage":   backsUp,
	"life-of-a-person": imports,
	"private-matcher":  matches,
}

// builds: make's targets are there; make test itself runs what is behind them,
// the demo without a browser and with one.
func builds(w *world) *world {
	w.first("make ", func(line string) string {
		root, err := filepath.Abs("../../..")
		if err != nil {
			w.t.Fatal(err)
		}
		return "make -n -C '" + root + "' " + strings.TrimPrefix(line, "make ")
	})
	w.first("perhuman dev", func(line string) string { return line + " -addr 127.0.0.1:0" })
	return w
}

// signs: what the block shows is what agent.Sign makes.
func signs(w *world) *world {
	w.other["http"] = func(text string) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			w.t.Fatal(err)
		}
		r := httptest.NewRequest("POST", "https://forum.example/comments?x=1", strings.NewReader("hello"))
		if err := agent.Sign(r, []byte("hello"), scope.Digest{1}, key, time.Now(), rand.Reader); err != nil {
			w.t.Fatal(err)
		}
		for line := range strings.Lines(strings.TrimSpace(text)) {
			name, want, _ := strings.Cut(strings.TrimSpace(line), ": ")
			pattern := regexp.MustCompile("<[^>]*>").ReplaceAllString(regexp.QuoteMeta(want), `[A-Za-z0-9+/=_-]+`)
			if got := r.Header.Get(name); !regexp.MustCompile("^" + pattern + "$").MatchString(got) {
				w.t.Errorf("%s: %s\nis signed as %s", name, want, got)
			}
		}
	}
	return w
}

// person has virtual people meet a service as the visitors of forum.example.
func (w *world) person(k *humantest.Kit, key string) func(ask string) (challenge, proof string) {
	via := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		to, err := url.Parse(w.at["verifier"])
		if err == nil {
			r.SetURL(to)
		}
	}}
	ada := k.Person("ada")
	return func(ask string) (string, string) {
		w.t.Helper()
		w.ready("verifier")
		r := httptest.NewRequest("POST", "/v1/challenges", strings.NewReader(ask))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Origin", "https://forum.example")
		rec := httptest.NewRecorder()
		via.ServeHTTP(rec, r)
		var c api.ChallengeResponse
		if err := json.Unmarshal(rec.Body.Bytes(), &c); err != nil || rec.Code != http.StatusOK {
			w.t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		kind, err := scope.ParseKind(c.Policy)
		if err != nil {
			w.t.Fatal(err)
		}
		k.Advance(time.Since(k.Now()))
		if _, err := ada.Wallet().Sync(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		a, err := ada.Wallet().Answer(w.t.Context(), wallet.Request{
			Origin: "https://forum.example", Action: c.Action, Policy: scope.Policy{Kind: kind, Len: c.Period, K: c.K}, Challenge: c.Challenge,
		})
		if err != nil {
			w.t.Fatal(err)
		}
		proof, challenge, _ := strings.Cut(a.Response, ".")
		return challenge, proof
	}
}

// asks: a request to the service is sent as it stands, and the answer that the
// page shows is held against the one that came.
func asks(w *world) *world {
	k := w.kit()
	var got map[string]any
	w.other["http"] = func(text string) {
		if answer, ok := strings.CutPrefix(text, "200 "); ok {
			want := map[string]any{}
			if err := json.Unmarshal([]byte(strings.Replace(answer, ", ...}", "}", 1)), &want); err != nil {
				w.t.Fatal(err)
			}
			for name, value := range want {
				switch name {
				case "nullifier", "slot": // the person's
					if reflect.TypeOf(got[name]) != reflect.TypeOf(value) {
						w.t.Errorf("%s is %v", name, got[name])
					}
				case "period": // today
					if p, _ := got[name].(map[string]any); p["len"] != value.(map[string]any)["len"] || p["start"] == nil {
						w.t.Errorf("%s is %v", name, got[name])
					}
				default:
					if got[name] != value {
						w.t.Errorf("%s is %v, not %v", name, got[name], value)
					}
				}
			}
			return
		}
		key := w.read("forum.key")
		challenge, proof := w.person(k, key)(`{"action":"post","session":"a session"}`)
		text = strings.NewReplacer("phk_live_...", key, "<packed proof>", proof, "<challenge>", challenge, "<as in step 1>", "a session").Replace(text)
		head, body, _ := strings.Cut(text, "\n\n")
		lines := strings.Split(head, "\n")
		method, path, _ := strings.Cut(lines[0], " ")
		r, err := http.NewRequestWithContext(w.t.Context(), method, w.at["verifier"]+path, strings.NewReader(body))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, line := range lines[1:] {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			w.t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK || json.Unmarshal(b, &got) != nil || got["success"] != true {
			w.t.Errorf("%s %s", resp.Status, b)
		}
	}
	return w
}

// redeems: a person's response is redeemed by curl.
func redeems(w *world) *world {
	k := w.kit()
	w.sh("perhuman verifier keygen forum.key\nperhuman verifier keygen -site site.key")
	w.sh("perhuman verifier -rp forum.example -issuer 'issuer.example/people+1a2b3c4d+AVo...' -key forum.key -db humans.db -action comment=20/day -site comment=site.key")
	w.answers("verifier.example", w.towards("verifier"))
	w.first("curl ", func(line string) string {
		challenge, proof := w.person(k, w.read("forum.key"))(`{"action":"comment"}`)
		w.env = append(w.env, "PERHUMAN_RESPONSE="+proof+"."+challenge)
		w.replace("phs_live_...", w.read("site.key"))
		return line + " -sS --fail --cacert ca.pem | grep '\"success\": *true'"
	})
	return w
}

// operates: a verifier over SQLite, then over PostgreSQL with a standby.
func operates(w *world) *world {
	k := w.kit()
	gate, err := sdk.Open(w.t.Context(), k.Config("forum.example"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = gate.Close() })
	w.answers("forum.example", gate.WellKnown())
	w.first("perhuman verifier -rp", func(line string) string {
		if strings.Contains(line, "spend.dsn") {
			primary := pgtest.Start(w.t, "fsync=on")
			dsn := primary.Schema(w.t)
			primary.Standby(w.t, "fsync=off")
			primary.Exec(w.t, "ALTER SYSTEM SET synchronous_standby_names = 'standby'")
			primary.Exec(w.t, "SELECT pg_reload_conf()")
			w.keep("spend.dsn", dsn)
		}
		return line
	})
	w.first("sqlite3 ", func(line string) string { w.stop("verifier"); return line })
	w.replace("2026-11-22T19:00:00Z", time.Now().Add(-time.Minute).UTC().Format(time.RFC3339), "loadtest -n 1024", "loadtest -n 8")
	return w
}

// stores: the settings make a primary, the standby is made of it, the store of a
// moved shard forgets what moved.
func stores(w *world) *world {
	var c *pgtest.Cluster
	var dsn string
	databases := false
	w.other["sql"] = func(text string) {
		if c == nil && !databases {
			databases = true
			own := pgtest.Start(w.t, "fsync=off")
			for _, statement := range strings.Split(strings.TrimSpace(text), ";") {
				if statement = strings.TrimSpace(statement); statement != "" {
					own.Exec(w.t, statement)
				}
			}
			return
		}
		c.Exec(w.t, strings.Replace(text, "DELETE FROM nullifiers", "DELETE FROM "+schemaOf(dsn)+".nullifiers", 1))
	}
	w.other["conf"] = func(text string) {
		settings := []string{"fsync=on"}
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
			settings = append(settings, name+"="+strings.Trim(value, "'"))
		}
		c = pgtest.Start(w.t, settings...)
		c.Standby(w.t, "fsync=off")
		c.Await(w.t, "standby|streaming|sync", "SELECT coalesce(max(application_name || '|' || state || '|' || sync_state), '') FROM pg_stat_replication")
		dsn = c.Schema(w.t)
		store, err := postgres.Open(w.t.Context(), postgres.One(dsn, "forum.example"), postgres.Options{RequireStandby: true})
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { _ = store.Close() })
	}
	w.other["json"] = func(text string) {
		if m, err := postgres.ParseMap([]byte(text)); err != nil || len(m.Databases) != 2 || m.Epoch != 4 {
			w.t.Errorf("%v %v", m, err)
		}
	}
	w.first("pg_basebackup ", func(line string) string {
		at, err := url.Parse(c.DSN())
		if err != nil {
			w.t.Fatal(err)
		}
		w.replace("host=primary user=replicator", fmt.Sprintf("host=%s user=%s", at.Query().Get("host"), at.Query().Get("user")))
		return line + " -c fast --no-sync && test -f /var/lib/postgresql/data/standby.signal"
	})
	return w
}

func schemaOf(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return ""
	}
	return u.Query().Get("search_path")
}

// counts: a poll with a ballot, of which the voter has the receipt.
func counts(w *world) *world {
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	is := setlogtest.New(w.t, "issuer.example/people")
	voter := semaphore.IdentityFromKey([]byte("voter"))
	now := uint64(time.Now().Unix())
	is.AnchorMembers(now-100, []semaphore.Element{voter.Commitment(), semaphore.IdentityFromKey([]byte("neighbour")).Commitment()})
	signer, vkey, err := setlog.GenerateKey(rand.Reader, "forum.example/poll/7")
	must(err)
	frozen := is.Proof(0)
	proven, err := frozen.MarshalText()
	must(err)
	l, err := tally.New(signer, tally.Poll{
		RP: "forum.example", ID: "poll-7", Action: "poll/7", Question: "What should the empty shop become?", Seq: frozen.Entry.Seq, Opened: now, RootProof: string(proven),
		Choices: []tally.Choice{{ID: "library", Label: "A library"}, {ID: "bakery", Label: "A bakery"}},
	})
	must(err)
	prover, err := prove.New(depth20.NewReader())
	must(err)
	content, err := scope.Vote{RP: "forum.example", Poll: "poll-7", Choice: "library"}.Digest()
	must(err)
	sc, err := scope.Compute("forum.example", "poll/7", scope.Period{}, 0)
	must(err)
	path, err := is.Group.Proof(is.Group.IndexOf(voter.Commitment()))
	must(err)
	proof, err := prover.Prove(w.t.Context(), voter, path, scope.Message(content, scope.Digest{1}), sc)
	must(err)
	ballot, err := tally.Ballot("library", scope.Digest{1}, proof)
	must(err)
	receipt, err := l.Append(ballot)
	must(err)
	w.keep("mine.txt", string(receipt))
	must(l.Close(l.Closing(time.Now())))
	document, err := l.Document(vkey, is.VKey)
	must(err)
	published, err := json.Marshal(document)
	must(err)
	w.answers("forum.example", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/poll/7/tally.json" {
			_, _ = rw.Write(published)
		}
	}))
	w.pin(is.VKey)
	w.replace("forum.example/poll/7+5e6f7a8b+AVo...", vkey)
	return w
}

// settings makes an issuer's keys and the file that an operator keeps beside
// them, in a folder for a set of many.
func (w *world) settings(more string) (sealTo string) {
	w.t.Helper()
	w.sh("perhuman issuer keygen -dir keys issuer.example/people")
	lines := strings.Split(w.out, "\n")
	w.pin(lines[0])
	w.sh("perhuman capture keygen root.key")
	w.keep("consent.txt", consentText)
	w.keep("issuer.conf", strings.Join([]string{
		"key " + w.path("keys/signing.key"), "sealing " + w.path("keys/sealing.key"), "matcher-key " + w.path("keys/matcher.key"), "db " + w.path("issuer.db"),
		"device-root virtual=" + strings.TrimSpace(w.out), "virtual", "consent " + w.path("consent.txt"), "admin 127.0.0.1:0", "admin-token " + w.path("keys/admin.token"), more,
	}, "\n"))
	w.keep("signing.key", w.read("keys/signing.key"))
	w.group("group.json", 260)
	return lines[1][strings.LastIndex(lines[1], " ")+1:]
}

// group is the export of an official group.
func (w *world) group(name string, members int) {
	w.t.Helper()
	var all []semaphore.Element
	for n := range members {
		all = append(all, semaphore.IdentityFromKey(fmt.Appendf(nil, "member %d", n)).Commitment())
	}
	g, err := semaphore.NewGroup(all...)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := json.Marshal(g)
	if err != nil {
		w.t.Fatal(err)
	}
	w.keep(name, string(b))
}

const consentText = "We keep a template, sealed, until you ask us to delete it."

const importing = "perhuman issuer import -config issuer.conf -key keys/signing.key -from group.json"

func imports(w *world) *world {
	w.settings("")
	return w
}

func backsUp(w *world) *world {
	w.settings("")
	w.sh(importing)
	return w
}

// keeps: a wallet whose owner enrols between two lines, and a site that asks.
func keeps(w *world) *world {
	sealTo := w.settings("anchor 200ms")
	w.sh(importing)
	w.sh("perhuman issuer serve -config issuer.conf")
	w.answers("issuer.example", http.StripPrefix("/people", w.towards("issuer")))
	vkey := w.vkey()
	store := humantest.New(w.t, humantest.Options{Cache: w.t.TempDir()}).Config("forum.example").Store
	gate, err := sdk.Open(w.t.Context(), sdk.Config{RP: "forum.example", Issuers: []string{vkey}, At: map[string]string{"issuer.example/people": w.at["issuer"]}, Store: store})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = gate.Close() })
	mux := http.NewServeMux()
	mux.Handle("POST /perhuman/challenge", gate.Challenges())
	mux.Handle("POST /posts", gate.Require("post", sdk.PerDay(2), func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusCreated) }))
	w.answers("forum.example", mux)
	w.keep("phrase", "a passphrase of a test\n")
	w.keep("other", "another passphrase\n")
	w.keep("body.json", `{"text":"hello"}`)
	member := false
	w.first("perhuman wallet status", func(line string) string {
		if member {
			return line
		}
		member = true
		w.sh("perhuman wallet enrol -dir wallet -passphrase-file phrase")
		var s struct {
			Issuer, Nonce, Commitment string
			Keys                      []api.PartyKey `json:"matcher_keys"`
		}
		if err := json.Unmarshal([]byte(w.out), &s); err != nil {
			w.t.Fatalf("%v: %s", err, w.out)
		}
		if len(s.Keys) != 1 || s.Keys[0].Key != sealTo {
			w.t.Fatalf("%v, not %s", s.Keys, sealTo)
		}
		w.sh(fmt.Sprintf("perhuman capture virtual -root root.key -issuer %s -to %s -nonce %s -commitment %s -consent-text consent.txt > envelope\n", s.Issuer, s.Keys[0].Key, s.Nonce, s.Commitment) +
			"perhuman wallet enrol -dir wallet -passphrase-file phrase -session " + s.Nonce + " -envelope envelope")
		for end := time.Now().Add(time.Minute); !w.t.Failed() && !strings.Contains(w.out, ": member"); time.Sleep(100 * time.Millisecond) {
			if w.sh("perhuman wallet status -dir wallet -passphrase-file phrase"); time.Now().After(end) {
				w.t.Fatal(w.out)
			}
		}
		return line
	})
	w.exits["perhuman wallet veto"] = 1 // nobody announced to take the place over
	return w
}

func (w *world) vkey() string {
	return strings.NewReplacer(w.words...).Replace("issuer.example/people+1a2b3c4d+AVo...")
}

// issues: the settings of the page, two witnesses, then three parties.
func issues(w *world) *world {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	w.replace("orb=AVo0pM2...", "orb="+scope.EncodeToken(public), "$(cat admin.token)", "$(cat keys/admin.token)")
	w.keep("revoked", "")
	w.keep("firmware", "")
	w.keep("consent.txt", consentText)
	w.keep("error-rates.json", `[{"modality":"iris","claim":"none","data":"none"}]`)
	w.first("perhuman issuer keygen -dir", func(line string) string { return line + " > made; cat made" })
	w.other["conf"] = func(text string) {
		w.pin(strings.SplitN(w.read("made"), "\n", 2)[0])
		for name, cut := range map[string]string{"north": "north.example+1a2b3c4d+BAAA...", "south": "south.example+5e6f7a8b+BBBB..."} {
			w.sh("perhuman witness keygen -out " + name + ".key " + name + ".example")
			w.replace(cut, strings.TrimSpace(w.out))
			w.sh("perhuman witness -addr 127.0.0.1:0 -key " + name + ".key -state /var/lib/" + name + " -log 'issuer.example/people+1a2b3c4d+AVo...'")
			// Two run at a time, under names of their own.
			w.at[name], w.up[name] = strings.TrimSuffix(w.at["witness"], "/add-checkpoint"), w.up["witness"]
			delete(w.up, "witness")
			w.t.Cleanup(func() { w.stop(name) })
			w.answers("witness."+name+".example", w.towards(name))
		}
		w.keep("issuer.conf", strings.Replace(strings.NewReplacer(w.words...).Replace(text), "127.0.0.1:8083", "127.0.0.1:0", 1))
		w.group("members.json", 12)
		w.sh("perhuman issuer import -config issuer.conf -from members.json")
	}
	plain := ""
	parties := func(line string) string { // "name that file in place of the matcher key"
		if plain != "" {
			return line
		}
		w.stop("issuer")
		plain = w.read("issuer.conf")
		room := partytest.Through(w.t, party.Iris, "issuer.example/people", nil, nil)
		for i := range room.Group.Parties {
			room.Serve(w.t, i)
		}
		group, err := os.ReadFile(filepath.Join(room.Dir, "group.json"))
		if err != nil {
			w.t.Fatal(err)
		}
		w.keep("group.json", string(group))
		w.keep("link.key", linkPrefix+scope.EncodeToken(room.Front.Seed()))
		// Another database under the same name: the witnesses have signed the first one's log, or will have by then.
		conf := regexp.MustCompile(`(?m)^(matcher-key|witness|quorum) .*\n`).ReplaceAllString(plain, "")
		conf = regexp.MustCompile(`orb=\S+`).ReplaceAllString(conf, room.Group.Roots[0]) + "\nvirtual"
		w.keep("issuer.conf", strings.Replace(conf, w.path("issuer.db"), w.path("private.db"), 1)+"\n")
		return line
	}
	w.first("perhuman issuer serve -config issuer.conf -parties", parties)
	w.first("perhuman witness -key", func(line string) string { return line + " -addr 127.0.0.1:0" })
	w.first("curl ", func(line string) string {
		w.stop("issuer")
		w.keep("issuer.conf", plain)
		w.sh("perhuman issuer serve -config issuer.conf")
		w.replace("http://127.0.0.1:8083", w.at["issuer admin"])
		return line + " -sS --fail"
	})
	w.first("perhuman issuer fsck", func(line string) string { w.stop("issuer"); return line })
	w.first("perhuman audit", func(line string) string {
		w.sh("perhuman issuer serve -config issuer.conf")
		w.answers("issuer.example", http.StripPrefix("/people", w.towards("issuer")))
		return line
	})
	return w
}

// matches: the other two operators make their folders.
func matches(w *world) *world {
	w.first("perhuman party group -issuer", func(line string) string {
		for _, name := range []string{"b", "c"} {
			w.sh("perhuman party init -dir other-" + name + " -address party-" + name + ".example:7443 > " + name + ".json")
		}
		w.sh("perhuman issuer keygen -link link.key")
		line = strings.Replace(line, "-front KEY", "-front "+strings.TrimSpace(w.out), 1)
		public, _, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			w.t.Fatal(err)
		}
		return strings.Replace(line, "lab=KEY", "lab="+scope.EncodeToken(public), 1)
	})
	w.first("perhuman party serve", func(line string) string { return line + " -addr 127.0.0.1:0" })
	return w
}
