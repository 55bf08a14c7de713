package setlog_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"github.com/perhuman/perhuman/semaphore/setlog/setlogtest"
)

var update = flag.Bool("update", false, "write testdata/vectors.json")

const vectorsFile = "testdata/vectors.json"

// vector is one encoding. Keys come from SHA-256("key of <name>") as the seed,
// commitments from SHA-256(label) with the first byte 0.
type vector struct {
	Name string `json:"name"`
	Hex  string `json:"hex"`
}

// goldenIssuer has three batches: two enrolments, then a removal and one more,
// then a policy document.
func goldenIssuer(t testing.TB) *setlogtest.Issuer {
	is := setlogtest.New(t, "issuer.example/people")
	is.Anchor(1_790_000_000, []string{"ada", "bob"})
	is.Anchor(1_790_000_600, []string{"eve"}, 0)
	is.Window = append([]setlog.WindowRoot{{Seq: is.Seq, Root: is.Group.Root(), Superseded: 1_790_001_200}}, is.Window...)
	is.Seq++
	is.Publish(1_790_001_200, []setlog.Entry{{Op: setlog.OpPolicy, Document: [32]byte{0xff, 1}}})
	is.MinValid = 2
	return is
}

func golden(t testing.TB) map[string][]byte {
	t.Helper()
	is := goldenIssuer(t)
	out := map[string][]byte{"vkey": []byte(is.VKey)}
	put := func(name string, b []byte, err error) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = b
	}
	for i, name := range []string{"entry/enrol", "entry/enrol-2", "entry/remove", "entry/enrol-3", "entry/policy"} {
		b, err := is.Entries[i].MarshalBinary()
		put(name, b, err)
	}
	other := setlog.Entry{Op: setlog.OpRekeyAnnounced, Seq: 9, LeafIndex: 1, Commitment: setlogtest.Commitment("bob"), Root: setlogtest.Commitment("root"), Live: 7, Day: 20718}
	for _, op := range []setlog.Op{setlog.OpRekeyAnnounced, setlog.OpRekeyOut, setlog.OpRekeyIn} {
		other.Op = op
		b, err := other.MarshalBinary()
		put("entry/"+op.String(), b, err)
	}
	stats := setlog.Entry{Op: setlog.OpStatistics, Seq: 10, Document: [32]byte{31: 1}, Root: setlogtest.Commitment("root"), Live: 7, Day: 20718}
	b, err := stats.MarshalBinary()
	put("entry/statistics", b, err)
	put("record", is.Entries[0].Record(), nil)
	b, err = setlog.EntryBundle(is.Entries)
	put("bundle", b, err)
	put("checkpoint", is.Checkpoints[5], nil)
	b, err = is.Proof(2).MarshalText()
	put("root-proof", b, err)
	b, err = setlog.TileData(tlog.Tile{H: 8, L: 0, N: 0, W: 5}, 5, is.Hashes)
	put("tile", b, err)
	b, err = setlog.SetTile(is.Group, 0, 0)
	put("set-tile", b, err)
	put("head", is.Head(1_790_001_203), nil)

	twin := setlogtest.New(t, is.Name)
	twin.Anchor(1_790_000_000, []string{"mallory", "bob"})
	f, err := setlog.NewFollower(setlog.FollowerConfig{VKey: is.VKey})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_790_001_203, 0)
	if err := f.Update(twin.Head(1_790_000_001), now, twin.Fetch); err != nil {
		t.Fatal(err)
	}
	if err := f.Update(is.Head(1_790_001_203), now, is.Fetch); err == nil {
		t.Fatal("fork accepted")
	}
	b, err = f.Fork().MarshalText()
	put("fork", b, err)
	put("follower-state", f.State(), nil)
	return out
}

// TestGolden pins every format byte for byte.
func TestGolden(t *testing.T) {
	got := golden(t)
	if *update {
		var vs []vector
		for _, name := range sortedKeys(got) {
			vs = append(vs, vector{name, hex.EncodeToString(got[name])})
		}
		b, err := json.MarshalIndent(vs, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorsFile, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := vectors(t)
	if len(want) != len(got) {
		t.Fatalf("%d vectors in the file, %d made", len(want), len(got))
	}
	for name, b := range got {
		if !bytes.Equal(b, want[name]) {
			t.Errorf("%s changed", name)
		}
	}
}

func vectors(t testing.TB) map[string][]byte {
	t.Helper()
	raw, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(raw, &vs); err != nil {
		t.Fatal(err)
	}
	out := make(map[string][]byte)
	for _, v := range vs {
		if out[v.Name], err = hex.DecodeString(v.Hex); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestGoldenParse reads the committed bytes back, and every format gives them
// out again.
func TestGoldenParse(t *testing.T) {
	vs := vectors(t)
	v, err := setlog.ParseVKey(string(vs["vkey"]))
	if err != nil {
		t.Fatal(err)
	}
	same := func(name string, b []byte, err error) {
		t.Helper()
		if err != nil || !bytes.Equal(b, vs[name]) {
			t.Errorf("%s: %v\n got %q\nwant %q", name, err, b, vs[name])
		}
	}
	for name, b := range vs {
		if len(b) != setlog.EntrySize {
			continue
		}
		e, err := setlog.ParseEntry(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, err := e.MarshalBinary()
		same(name, again, err)
	}
	e, err := setlog.ParseRecord(vs["record"])
	same("record", e.Record(), err)
	es, err := setlog.ParseEntryBundle(vs["bundle"])
	if err != nil {
		t.Fatal(err)
	}
	b, err := setlog.EntryBundle(es)
	same("bundle", b, err)
	cp, err := setlog.OpenCheckpoint(vs["checkpoint"], v)
	if err != nil || cp.Size != 5 || !bytes.HasPrefix(vs["checkpoint"], []byte(cp.Text())) {
		t.Errorf("checkpoint %+v: %v", cp, err)
	}
	p, err := setlog.ParseRootProof(vs["root-proof"])
	if err != nil {
		t.Fatal(err)
	}
	if _, e, err := p.Verify(v); err != nil || e != es[2] {
		t.Errorf("root proof: %v", err)
	}
	b, err = p.MarshalText()
	same("root-proof", b, err)
	leaves, err := setlog.ParseLeaves(vs["set-tile"])
	same("set-tile", setlog.MarshalLeaves(leaves), err)
	h, err := setlog.OpenHead(vs["head"], v)
	if err != nil {
		t.Fatal(err)
	}
	text, err := h.Text()
	if err != nil || !bytes.HasPrefix(vs["head"], []byte(text+"\n— ")) {
		t.Errorf("head text differs: %v\n%s", err, text)
	}
	if h.Seq != 3 || h.Size != 3 || h.Live != 2 || h.Depth != 2 || h.MinValidSeq != 2 || len(h.Window) != 2 || h.LogSize() != 5 {
		t.Errorf("head %+v", h)
	}
	fork, err := setlog.ParseFork(vs["fork"])
	if err != nil || fork.Verify(v) != nil {
		t.Fatalf("fork: %v, %v", err, fork.Verify(v))
	}
	b, err = fork.MarshalText()
	same("fork", b, err)
	b, err = setlog.StateRoundTrip(vs["follower-state"])
	same("follower-state", b, err)
}

// TestEntryLayout spells the layout of setlog.md "Entry" out once by hand.
func TestEntryLayout(t *testing.T) {
	e := setlog.Entry{
		Op: setlog.OpEnrol, Seq: 0x0102, LeafIndex: 0x0304, Commitment: semaphore.Element{0: 0x10, 31: 0x11},
		Biometric: [32]byte{0: 0x20, 31: 0x21}, Root: semaphore.Element{0: 0x30, 31: 0x31}, Live: 0x0506, Day: 0x0708,
	}
	z := func(n int) string { return string(make([]byte, n)) }
	want := "\x01\x01" + z(6) + "\x01\x02" + z(6) + "\x03\x04" + "\x10" + z(30) + "\x11" + "\x20" + z(30) + "\x21" +
		"\x30" + z(30) + "\x31" + z(6) + "\x05\x06" + z(2) + "\x07\x08"
	got, err := e.MarshalBinary()
	if err != nil || string(got) != want || len(got) != 126 {
		t.Fatalf("%x, %v", got, err)
	}
	if string(e.Record()) != "perhuman/entry/1"+want {
		t.Fatal("record")
	}
}
