package setlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

const day = 86400

// auditRun is a run over several days, with every operation.
func auditRun(t testing.TB) *setlogtest.Issuer {
	is := setlogtest.New(t, "issuer.example")
	for i := range 60 {
		var labels []string
		for j := range 1 + i%11 {
			labels = append(labels, fmt.Sprint(i, ".", j))
		}
		var removed []int
		if i%6 == 5 {
			removed = []int{i, i + 1}
		}
		is.Anchor(uint64(t0+i*day/4), labels, removed...)
		if i%20 == 10 {
			is.Window = append([]setlog.WindowRoot{{Seq: is.Seq, Root: is.Group.Root(), Superseded: uint64(t0 + i*day/4)}}, is.Window...)
			is.Seq++
			is.Publish(uint64(t0+i*day/4), []setlog.Entry{{Op: setlog.OpPolicy, Document: [32]byte{byte(i)}}})
		}
	}
	return is
}

const auditEnd = t0 + 59*day/4

// resign gives an issuer who has signed other entries in place of its own.
func resign(t testing.TB, is *setlogtest.Issuer, entries []setlog.Entry) *setlogtest.Issuer {
	t.Helper()
	bent := is.Fork()
	hashes, tree, err := setlog.Append(0, entries, setlog.Hashes(nil))
	if err != nil {
		t.Fatal(err)
	}
	bent.Entries, bent.Hashes = entries, hashes
	signed, err := setlog.Checkpoint{Origin: is.Name, Size: tree.N, Hash: tree.Hash}.Sign(is.Signer)
	if err != nil {
		t.Fatal(err)
	}
	bent.Checkpoints[tree.N] = signed
	return bent
}

func newest(is *setlogtest.Issuer) []byte { return is.Checkpoints[int64(len(is.Entries))] }

func served(is *setlogtest.Issuer) setlog.AuditConfig {
	return setlog.AuditConfig{Verifier: is.Verifier, Checkpoint: newest(is), Head: is.Head(auditEnd), Now: time.Unix(auditEnd, 0)}
}

func TestT55AuditReport(t *testing.T) {
	is := auditRun(t)
	cfg := served(is)
	calls := 0
	cfg.Progress = func(done, all int64) { calls++ }
	for n, signed := range is.Checkpoints {
		if n%7 == 0 {
			cfg.Seen = append(cfg.Seen, signed)
		}
	}
	r, err := cfg.Run(is.Fetch)
	if err != nil {
		t.Fatal(err)
	}
	var sum setlog.AuditDay
	for i, d := range r.Days {
		if i > 0 && d.Day <= r.Days[i-1].Day {
			t.Error("days out of order")
		}
		sum.Enrolled, sum.Removed, sum.Batches = sum.Enrolled+d.Enrolled, sum.Removed+d.Removed, sum.Batches+d.Batches
	}
	if sum.Enrolled != is.Group.Size() || sum.Removed != 20 || sum.Batches != int(is.Seq) || len(r.Documents) != 3 ||
		r.Documents[1].Hash != [32]byte{30} || r.Days[len(r.Days)-1].Live != is.Live || r.Replay.Seq() != is.Seq {
		t.Errorf("%+v, %d documents", sum, len(r.Documents))
	}
	if len(r.Checkpoints) != len(cfg.Seen)+2 || calls != (len(is.Entries)+255)/256 {
		t.Error(len(r.Checkpoints), calls)
	}
}

// TestT55AuditNamesEachLie plants one lie at a time. What the issuer signed
// itself is told from what somebody changed in the files afterwards.
func TestT55AuditNamesEachLie(t *testing.T) {
	is := auditRun(t)
	mid := slices.IndexFunc(is.Entries, func(e setlog.Entry) bool { return e.Seq == 30 && e.Op == setlog.OpEnrol })
	batch := func(es []setlog.Entry, seq uint64, bend func(e *setlog.Entry)) {
		for i := range es {
			if es[i].Seq == seq {
				bend(&es[i])
			}
		}
	}
	bendSigned := func(bend func(es []setlog.Entry) []setlog.Entry) func() (setlog.AuditConfig, setlog.Fetch) {
		return func() (setlog.AuditConfig, setlog.Fetch) {
			bent := resign(t, is, bend(slices.Clone(is.Entries)))
			return setlog.AuditConfig{Verifier: is.Verifier, Checkpoint: newest(bent)}, bent.Fetch
		}
	}
	bendHead := func(bend func(h *setlog.Head)) func() (setlog.AuditConfig, setlog.Fetch) {
		return func() (setlog.AuditConfig, setlog.Fetch) {
			cfg := served(is)
			h := is.UnsignedHead(auditEnd)
			h.Window = slices.Clone(h.Window)
			bend(&h)
			var err error
			if cfg.Head, err = h.Sign(is.Signer); err != nil {
				t.Fatal(err)
			}
			return cfg, is.Fetch
		}
	}
	twin := is.Fork()
	twin.Anchor(auditEnd, []string{"told to somebody else"})
	is2 := is.Fork()
	is2.Anchor(auditEnd, []string{"told to the auditor"})
	is2.Anchor(auditEnd+1, []string{"and more"})
	for _, c := range []struct {
		name string
		lie  setlog.Lie
		is   error
		plan func() (setlog.AuditConfig, setlog.Fetch)
	}{
		{"leaf swapped and signed", setlog.LieRoot, nil, bendSigned(func(es []setlog.Entry) []setlog.Entry {
			es[mid].Commitment = setlogtest.Commitment("ghost")
			return es
		})},
		{"leaf swapped in the files", setlog.LieTree, setlog.ErrProof, func() (setlog.AuditConfig, setlog.Fetch) {
			bent := is.Fork()
			bent.Entries[mid].Commitment = setlogtest.Commitment("ghost")
			return served(is), bent.Fetch
		}},
		{"two leaves exchanged", setlog.LieRoot, nil, bendSigned(func(es []setlog.Entry) []setlog.Entry {
			es[mid].Commitment, es[mid+1].Commitment = es[mid+1].Commitment, es[mid].Commitment
			return es
		})},
		{"a member twice", setlog.LieLeaf, nil, bendSigned(func(es []setlog.Entry) []setlog.Entry {
			es[mid].Commitment = es[mid-40].Commitment
			return es
		})},
		{"seq skipped", setlog.LieSequence, nil, bendSigned(func(es []setlog.Entry) []setlog.Entry {
			return slices.DeleteFunc(es, func(e setlog.Entry) bool { return e.Seq == 30 })
		})},
		{"wrong root", setlog.LieRoot, nil, bendSigned(func(es []setlog.Entry) []setlog.Entry {
			batch(es, 30, func(e *setlog.Entry) { e.Root = setlogtest.Commitment("r") })
			return es
		})},
		{"wrong live count", setlog.LieLive, nil, bendSigned(func(es []setlog.Entry) []setlog.Entry {
			batch(es, 30, func(e *setlog.Entry) { e.Live++ })
			return es
		})},
		{"dated before an earlier entry", setlog.LieDay, nil, bendSigned(func(es []setlog.Entry) []setlog.Entry {
			batch(es, 30, func(e *setlog.Entry) { e.Day -= 3 })
			return es
		})},
		{"dated before a head that does not have it", setlog.LieDay, nil, func() (setlog.AuditConfig, setlog.Fetch) {
			// In order, but a head signed two days later says that the entry was
			// not there: it was slipped in afterwards under an old date.
			late := is.Head(auditEnd + 2*day)
			bent := is.Fork()
			bent.Anchor(auditEnd+day, []string{"slipped in"})
			return setlog.AuditConfig{Verifier: is.Verifier, Checkpoint: newest(bent), Seen: [][]byte{late}}, bent.Fetch
		}},
		{"dated ahead of its head", setlog.LieDay, nil, func() (setlog.AuditConfig, setlog.Fetch) {
			h := is.UnsignedHead(auditEnd - 2*day)
			h.Window = nil
			cfg := served(is)
			var err error
			if cfg.Head, err = h.Sign(is.Signer); err != nil {
				t.Fatal(err)
			}
			return cfg, is.Fetch
		}},
		{"dated in the future", setlog.LieDay, nil, func() (setlog.AuditConfig, setlog.Fetch) {
			return setlog.AuditConfig{Verifier: is.Verifier, Checkpoint: newest(is), Now: time.Unix(t0, 0)}, is.Fetch
		}},
		{"fork, seen branch shorter", setlog.LieFork, nil, func() (setlog.AuditConfig, setlog.Fetch) {
			return setlog.AuditConfig{Verifier: is.Verifier, Checkpoint: newest(is2), Seen: [][]byte{newest(twin)}}, is2.Fetch
		}},
		{"fork, same size", setlog.LieFork, nil, func() (setlog.AuditConfig, setlog.Fetch) {
			return setlog.AuditConfig{Verifier: is.Verifier, Checkpoint: is2.Checkpoints[int64(len(twin.Entries))], Seen: [][]byte{twin.Head(auditEnd)}}, is2.Fetch
		}},
		{"rolled back", setlog.LieRollback, setlog.ErrRollback, func() (setlog.AuditConfig, setlog.Fetch) {
			cfg := served(is)
			cfg.Seen = [][]byte{newest(twin)}
			return cfg, is.Fetch
		}},
		{"min_valid_seq lowered", setlog.LieRollback, setlog.ErrRollback, func() (setlog.AuditConfig, setlog.Fetch) {
			was := is.UnsignedHead(auditEnd - 1)
			was.Window, was.MinValidSeq = nil, 5
			seen, err := was.Sign(is.Signer)
			if err != nil {
				t.Fatal(err)
			}
			cfg := served(is)
			cfg.Seen = [][]byte{seen}
			return cfg, is.Fetch
		}},
		{"head without proof", setlog.LieHead, setlog.ErrMalformed, func() (setlog.AuditConfig, setlog.Fetch) {
			cfg := served(is)
			text, err := is.UnsignedHead(auditEnd).Text()
			if err != nil {
				t.Fatal(err)
			}
			cfg.Head = signText(t, is, text[:bytes.Index([]byte(text), []byte("c2sp.org/tlog-proof"))])
			return cfg, is.Fetch
		}},
		{"head with a root outside the log", setlog.LieHead, setlog.ErrProof, bendHead(func(h *setlog.Head) {
			h.Root = setlogtest.Commitment("nobody's set")
			h.RootProof.Entry.Root = h.Root
		})},
		{"head with another size", setlog.LieHead, setlog.ErrHead, bendHead(func(h *setlog.Head) { h.Size++ })},
		{"window with another root", setlog.LieHead, setlog.ErrHead, bendHead(func(h *setlog.Head) { h.Window[3].Root = setlogtest.Commitment("w") })},
		{"head from the future", setlog.LieHead, setlog.ErrFuture, bendHead(func(h *setlog.Head) { h.Issued += day })},
		{"head signed by another", setlog.LieSignature, setlog.ErrSignature, func() (setlog.AuditConfig, setlog.Fetch) {
			cfg := served(is)
			cfg.Head = append(bytes.Clone(cfg.Head[:len(cfg.Head)-10]), "AAAAAAAA=\n"...)
			return cfg, is.Fetch
		}},
		{"checkpoint signed by another", setlog.LieSignature, setlog.ErrSignature, func() (setlog.AuditConfig, setlog.Fetch) {
			cfg := served(is)
			cfg.Verifier = setlogtest.New(t, "other.example").Verifier
			return cfg, is.Fetch
		}},
		{"checkpoint inside a batch", setlog.LieSequence, nil, func() (setlog.AuditConfig, setlog.Fetch) {
			tree := is.Tree(int64(mid + 1))
			signed, err := setlog.Checkpoint{Origin: is.Name, Size: tree.N, Hash: tree.Hash}.Sign(is.Signer)
			if err != nil {
				t.Fatal(err)
			}
			cfg := served(is)
			cfg.Seen = [][]byte{signed}
			return cfg, is.Fetch
		}},
		{"no witness", setlog.LieWitnesses, setlog.ErrWitnesses, func() (setlog.AuditConfig, setlog.Fetch) {
			cfg := served(is)
			var err error
			if cfg.Witnesses, err = setlog.NewWitnesses(1, []string{setlogtest.New(t, "witness.example").VKey}); err != nil {
				t.Fatal(err)
			}
			return cfg, is.Fetch
		}},
		{"garbage for entries", setlog.LieTree, setlog.ErrMalformed, func() (setlog.AuditConfig, setlog.Fetch) {
			return served(is), func(path string) ([]byte, error) {
				b, err := is.Fetch(path)
				if err == nil {
					b[2+5] ^= 1
				}
				return b, err
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, fetch := c.plan()
			_, err := cfg.Run(fetch)
			var found *setlog.AuditError
			if !errors.As(err, &found) || found.Lie != c.lie || c.is != nil && !errors.Is(err, c.is) {
				t.Fatalf("want %q, got %v", c.lie, err)
			}
			var fork *setlog.ErrFork
			if errors.As(err, &fork) != (c.lie == setlog.LieFork) {
				t.Fatal("evidence of a fork")
			}
			if fork != nil && fork.Verify(is.Verifier) != nil {
				t.Error("the evidence does not stand by itself")
			}
		})
	}
}

// TestFrontier compares the hash at every size with tlog's.
func TestFrontier(t *testing.T) {
	is := auditRun(t)
	for n := range int64(len(is.Entries) + 1) {
		want, err := tlog.TreeHash(n, is.Hashes)
		if err != nil {
			t.Fatal(err)
		}
		if got := setlog.FrontierHash(is.Entries[:n]); got != want {
			t.Fatalf("size %d", n)
		}
	}
}

// TestAuditArchives audits the same log from a folder of its files and from one
// file with all bundles.
func TestAuditArchives(t *testing.T) {
	is := auditRun(t)
	dir := t.TempDir()
	keep := func(path string, b []byte) {
		path = filepath.Join(dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	r1, err := served(is).Run(func(path string) ([]byte, error) {
		b, err := is.Fetch(path)
		if err == nil {
			keep(path, b)
		}
		return b, err
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for i := 0; i < len(is.Entries); i += setlog.TileWidth {
		b, err := setlog.EntryBundle(is.Entries[i:min(i+setlog.TileWidth, len(is.Entries))])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	for name, fetch := range map[string]setlog.Fetch{"folder": setlog.FetchFS(os.DirFS(dir)), "file": setlog.FetchEntries(bytes.NewReader(all))} {
		r2, err := served(is).Run(fetch)
		if err != nil || !slices.Equal(r2.Days, r1.Days) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := served(is).Run(setlog.FetchEntries(bytes.NewReader(all[:len(all)-1]))); err == nil || errors.As(err, new(*setlog.AuditError)) {
		t.Error("a file cut short is no lie of the issuer's:", err)
	}
	// Who archives at a later time has full bundles where partial ones are asked for.
	old := setlog.AuditConfig{Verifier: is.Verifier, Checkpoint: is.Checkpoints[int64(len(is.Entries))-int64(1+59%11+2)]}
	if _, err := old.Run(setlog.FetchEntries(bytes.NewReader(all))); err != nil {
		t.Error(err)
	}
}

// signText signs any text in the issuer's name.
func signText(t testing.TB, is *setlogtest.Issuer, text string) []byte {
	t.Helper()
	signed, err := note.Sign(&note.Note{Text: text}, is.Signer)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
