package receipt_test

import (
	"crypto/rand"
	"errors"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/receipt"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const name = "issuer.test"

func keys(t testing.TB) (note.Signer, note.Verifier) {
	t.Helper()
	skey, vkey, err := setlog.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	s, err1 := note.NewSigner(skey)
	v, err2 := setlog.ParseVKey(vkey)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return s, v
}

func each() []receipt.Receipt {
	c := semaphore.IdentityFromKey([]byte("a key of sixteen bytes or more")).Commitment()
	base := receipt.Receipt{Issuer: name, ID: [16]byte{1}, Session: [32]byte{2}, Commitment: c, At: 1_795_000_000}
	intake, deletion, tombstone := base, base, base
	intake.Kind, intake.Biometric, intake.BodyHash, intake.Day = receipt.Intake, [32]byte{3}, [32]byte{4}, 20_780
	deletion.Kind, deletion.Until = receipt.Deletion, base.At+86400
	tombstone.Kind, tombstone.Parties = receipt.Tombstone, [][]byte{{5}, {6, 7}}
	return []receipt.Receipt{intake, deletion, tombstone, {Kind: receipt.Veto, Issuer: name, Commitment: c, Announcement: 7, At: base.At}}
}

// Every kind is read back to the same fields, under the issuer's key alone, and
// every change of one byte is refused.
func TestReceipts(t *testing.T) {
	s, v := keys(t)
	_, other := keys(t)
	for _, r := range each() {
		signed, err := r.Sign(s)
		if err != nil {
			t.Fatal(err)
		}
		got, err := receipt.Verify(signed, v)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: %+v, %v", r.Kind, got, err)
		}
		if parsed, err := receipt.Parse(signed); err != nil || !reflect.DeepEqual(parsed, r) {
			t.Errorf("%s: %+v, %v", r.Kind, parsed, err)
		}
		if _, err := receipt.Verify(signed, other); !errors.Is(err, receipt.ErrReceipt) {
			t.Errorf("%s under another key: %v", r.Kind, err)
		}
		for i := range signed {
			bent := append([]byte{}, signed...)
			bent[i] ^= 1
			if _, err := receipt.Verify(bent, v); err == nil {
				t.Errorf("%s with byte %d changed verifies", r.Kind, i)
			}
		}
		r.Issuer = "another.test"
		if _, err := r.Sign(s); !errors.Is(err, receipt.ErrReceipt) {
			t.Errorf("%s signed for another issuer: %v", r.Kind, err)
		}
	}
}

// Texts that are signed, and still in no form of ours.
func TestForms(t *testing.T) {
	s, v := keys(t)
	deletion := each()[1].Text()
	for what, text := range map[string]string{
		"another kind":       strings.Replace(deletion, "deletion", "pardon", 1),
		"another version":    strings.Replace(deletion, "/1 ", "/2 ", 1),
		"no name":            strings.Replace(deletion, " "+name, "", 1),
		"a line more":        deletion + "1\n",
		"a line less":        deletion[:strings.LastIndex(strings.TrimSuffix(deletion, "\n"), "\n")+1],
		"a leading zero":     strings.Replace(deletion, "\n1795", "\n01795", 1),
		"a party too few":    strings.Replace(each()[2].Text(), "\n2\n", "\n3\n", 1),
		"a crowd of parties": strings.Replace(each()[2].Text(), "\n2\n", "\n17\n", 1),
	} {
		signed, err := note.Sign(&note.Note{Text: text}, s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := receipt.Verify(signed, v); !errors.Is(err, receipt.ErrReceipt) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The log's entry is the one that the receipt promises, or the check says no.
func TestInLog(t *testing.T) {
	s, v := keys(t)
	all := each()
	intake, deletion, veto := all[0], all[1], all[3]
	veto.Announcement = 1
	ops := []setlog.Op{setlog.OpEnrol, setlog.OpRekeyAnnounced, setlog.OpRemove}
	var entries []setlog.Entry
	for i, op := range ops {
		e := setlog.Entry{Op: op, Seq: uint64(i + 1), Commitment: intake.Commitment, Root: intake.Commitment, Live: 1, Day: 20_780}
		if op.Adds() {
			e.Biometric = intake.Biometric
		}
		entries = append(entries, e)
	}
	var stored []tlog.Hash
	hashes := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range at {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for i, e := range entries {
		h, err := tlog.StoredHashes(int64(i), e.Record(), hashes)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, h...)
	}
	root, err := tlog.TreeHash(int64(len(entries)), hashes)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, err := setlog.Checkpoint{Origin: name, Size: int64(len(entries)), Hash: root}.Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	var proofs []setlog.RootProof
	for i, e := range entries {
		p, err := setlog.ProveRoot(e, int64(i), checkpoint, hashes)
		if err != nil {
			t.Fatal(err)
		}
		proofs = append(proofs, p)
	}
	for i, r := range []receipt.Receipt{intake, veto, deletion} {
		for n, p := range proofs {
			if e, err := r.InLog(p, v); (err == nil) != (i == n) || err == nil && e.Op != ops[n] {
				t.Errorf("%s in entry %d: %v", r.Kind, n, err)
			}
		}
	}
	elsewhere := intake
	elsewhere.Biometric = [32]byte{9}
	if _, err := elsewhere.InLog(proofs[0], v); !errors.Is(err, receipt.ErrLog) {
		t.Errorf("another capture: %v", err)
	}
	proofs[0].Entry.Live++
	if _, err := intake.InLog(proofs[0], v); err == nil {
		t.Error("an entry that is not in the log")
	}
}

// Nothing but the one form of a receipt is read, and what is read is written
// back to the same bytes.
func FuzzReceipt(f *testing.F) {
	s, v := keys(f)
	for _, r := range each() {
		signed, err := r.Sign(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(signed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := receipt.Parse(b)
		if err != nil {
			if !reflect.DeepEqual(r, receipt.Receipt{}) {
				t.Fatal("an error and a receipt")
			}
			return
		}
		if !strings.HasPrefix(string(b), r.Text()) {
			t.Fatal("read in another form")
		}
		if _, err := receipt.Verify(b, v); err == nil {
			if again, err := r.Sign(s); err != nil || string(again) != string(b) {
				t.Fatal("a second encoding verifies")
			}
		}
	})
}
