package issuer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/iden3/go-iden3-crypto/babyjub"
	"github.com/iden3/go-iden3-crypto/constants"
	iden3 "github.com/iden3/go-iden3-crypto/poseidon"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/internal/testkit"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// commitments makes n of them that are no identity's: an import cannot tell.
func commitments(n int) []semaphore.Element {
	out := make([]semaphore.Element, n)
	for k := range out {
		out[k] = semaphore.Hash2(semaphore.Element{31: 1}, semaphore.Element{28: byte(k >> 24), 29: byte(k >> 16), 30: byte(k >> 8), 31: byte(k)})
	}
	return out
}

func list(cs []semaphore.Element) string {
	var b strings.Builder
	for _, c := range cs {
		b.WriteString(c.String() + "\n")
	}
	return b.String()
}

// An official export, an array and a list of one group come to the root that
// the group had, and to a log that an auditor accepts.
func TestImportForms(t *testing.T) {
	cs := commitments(700)
	g, err := semaphore.NewGroup(cs...)
	if err != nil {
		t.Fatal(err)
	}
	export, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	var flat []string
	for _, c := range cs {
		flat = append(flat, c.String())
	}
	array, err := json.Marshal(flat)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"export": string(export), "array": string(array), "numbers": strings.ReplaceAll(string(array), `"`, ""),
		"list": "# people\n\n" + list(cs), "hex": fmt.Sprintf("0x%x\n", cs[0][:]) + list(cs[1:]),
	} {
		w, i := start(t)
		var steps []int
		r, err := i.Import(t.Context(), strings.NewReader(text), issuer.ImportOptions{Batch: 256, Progress: func(done, total int) { steps = append(steps, done, total) }})
		if err != nil || r.Imported != 700 || r.Members != 700 || fmt.Sprint(steps) != "[256 700 512 700 700 700]" {
			t.Fatalf("%s: %+v, %v, %v", name, r, steps, err)
		}
		h := head(t, w, i)
		if h.Root != g.Root() || h.Live != 700 {
			t.Errorf("%s: another root", name)
		}
		audit(t, i, h)
		tiles(t, i, h)
		if info := i.Info(); info.Bound != 3 || info.Evidence[2] != "import" {
			t.Errorf("%+v", info)
		}
		// The policy that says so stands before the first of them.
		seen := 0
		for _, e := range entriesOf(t, i, h) {
			if e.Op == setlog.OpPolicy {
				seen++
			} else if seen != 2 {
				t.Fatal("members before the policy that lists them")
			}
		}
	}
}

// A removed member of an export stays out and is counted.
func TestImportRemoved(t *testing.T) {
	w, i := start(t)
	cs := commitments(4)
	text := fmt.Sprintf(`[["%s","0","%s","%s"],["1","2"],["3"]]`, cs[0], cs[1], cs[2])
	r, err := i.Import(t.Context(), strings.NewReader(text), issuer.ImportOptions{})
	if err != nil || r.Imported != 3 || r.Removed != 1 || head(t, w, i).Live != 3 {
		t.Errorf("%+v, %v", r, err)
	}
}

// Weak and hostile commitments are refused by name, with the line: alone they
// stop the import before anything is written, with Skip they stay out.
func TestImportRefusals(t *testing.T) {
	w, i := start(t)
	enrolCrowd(t, w, i, 1, 2)
	if _, err := i.Enrol(t.Context(), w.Start(t, i, testkit.NewPerson(3))); err != nil {
		t.Fatal(err)
	}
	cs := commitments(6)
	order := "21888242871839275222246405745257275088548364400416034343698204186575808495617"
	bad := []struct {
		name, text string
		want       error
	}{
		{"zero", "0", issuer.ErrZero},
		{"the field's order", order, issuer.ErrOutOfRange},
		{"a member plus the order", new(big.Int).Add(number(cs[0]), number2(order)).String(), issuer.ErrOutOfRange},
		{"leading zero", "0" + cs[0].String(), issuer.ErrNoNumber},
		{"sign", "+" + cs[0].String(), issuer.ErrNoNumber},
		{"words", "alice", issuer.ErrNoNumber},
		{"short hex", "0x1", issuer.ErrNoNumber},
		{"no secret", "6027627088000560743613994042391496229461807188521792038697313592680155902219", issuer.ErrNoSecret},
		{"the neutral element's", "12583541437132735734108669866114103169564651237895298778035846191048104863326", issuer.ErrSmallOrder},
		{"order eight", "11929053447344985270982296518999682002885131454037426683218835522148669922336", issuer.ErrSmallOrder},
		{"a duplicate", cs[0].String(), issuer.ErrDuplicate},
		{"a member", testkit.NewPerson(1).ID.Commitment().String(), issuer.ErrIsMember},
		{"about to be one", testkit.NewPerson(3).ID.Commitment().String(), issuer.ErrIsMember},
	}
	before := head(t, w, i)
	text := list(cs)
	for _, b := range bad {
		r, err := i.Import(t.Context(), strings.NewReader(list(cs)+b.text+"\n"), issuer.ImportOptions{})
		var refusal issuer.Refusal
		if !errors.Is(err, b.want) || !errors.As(err, &refusal) || refusal.Number != 7 || refusal.Unit != "line" || r.Imported != 0 || !issuer.IsImportRefusal(err) {
			t.Errorf("%s: %v, %+v", b.name, err, r)
		}
		text += b.text + "\n"
	}
	if after := head(t, w, i); after.Seq != before.Seq {
		t.Error("a refused import left something")
	}
	r, err := i.Import(t.Context(), strings.NewReader(text), issuer.ImportOptions{Skip: true})
	if err != nil || r.Imported != 6 || len(r.Refused) != len(bad) {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, text := range []string{"", " \n ", "[1,[2]]", "[[1],2]", "[[1]", "[1] 2", `{"a":1}`[0:0] + "[null]", "[[[1]]]", "[true]"} {
		if _, err := i.Import(t.Context(), strings.NewReader(text), issuer.ImportOptions{Label: text}); !errors.Is(err, issuer.ErrImportFile) && text != " \n " {
			t.Errorf("%q: %v", text, err)
		}
	}
	small := func(c *issuer.Config) { c.Depth = 2 }
	_, i = start(t, small)
	if _, err := i.Import(t.Context(), strings.NewReader(list(cs)), issuer.ImportOptions{}); !errors.Is(err, issuer.ErrNoRoom) {
		t.Errorf("more than the depth holds: %v", err)
	}
}

func number(e semaphore.Element) *big.Int { return new(big.Int).SetBytes(e[:]) }

func number2(s string) *big.Int { n, _ := new(big.Int).SetString(s, 10); return n }

// The commitments of small-order keys, computed anew by the other library.
func TestImportSmallOrder(t *testing.T) {
	_, i := start(t)
	var g *babyjub.Point // a point of order eight: some point of the curve, the subgroup taken out
	for y := int64(2); g == nil; y++ {
		yy := big.NewInt(y * y)
		den := new(big.Int).Sub(babyjub.A, new(big.Int).Mul(babyjub.D, yy))
		x := new(big.Int).ModInverse(den.Mod(den, constants.Q), constants.Q)
		x.Mul(x, new(big.Int).Sub(big.NewInt(1), yy)).Mod(x, constants.Q)
		if x = x.ModSqrt(x, constants.Q); x == nil {
			continue
		}
		p := babyjub.NewPoint().Mul(babyjub.SubOrder, &babyjub.Point{X: x, Y: big.NewInt(y)})
		if four := babyjub.NewPoint().Mul(big.NewInt(4), p); four.X.Sign() != 0 || four.Y.Cmp(big.NewInt(1)) != 0 {
			g = p
		}
	}
	for k := range int64(8) {
		p := babyjub.NewPoint().Mul(big.NewInt(k), g)
		c, err := iden3.Hash([]*big.Int{p.X, p.Y})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := i.Import(t.Context(), strings.NewReader(c.String()), issuer.ImportOptions{}); !errors.Is(err, issuer.ErrSmallOrder) {
			t.Errorf("%d times the generator: %v", k, err)
		}
	}
}

// An import that stopped goes on where it was, in the same process or after a
// restart, with the same file or one that has grown; not with another.
func TestImportResumes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.db")
	w := testkit.NewWorld(t, 1)
	store := openStore(t, path)
	i := open(t, w, store)
	cs := commitments(1000)
	ctx, cancel := context.WithCancel(t.Context())
	o := issuer.ImportOptions{Batch: 100, Progress: func(done, _ int) {
		if done == 300 {
			cancel()
		}
	}}
	r, err := i.Import(ctx, strings.NewReader(list(cs)), o)
	if err == nil || r.Imported != 300 {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store = openStore(t, path)
	i = open(t, w, store)
	if i.Info().Bound != 3 {
		t.Error("after the restart nothing says that some were imported")
	}
	if _, err := i.Import(t.Context(), strings.NewReader(list(cs[1:])), o); !errors.Is(err, issuer.ErrOtherFile) {
		t.Errorf("another file: %v", err)
	}
	if _, err := i.Import(t.Context(), strings.NewReader(list(cs[:200])), o); !errors.Is(err, issuer.ErrOtherFile) {
		t.Errorf("a file that has shrunk: %v", err)
	}
	o.Progress = nil
	if r, err = i.Import(t.Context(), strings.NewReader(list(cs[:900])), o); err != nil || r.Before != 300 || r.Imported != 600 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err = i.Import(t.Context(), strings.NewReader(list(cs)), o); err != nil || r.Before != 900 || r.Imported != 100 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err = i.Import(t.Context(), strings.NewReader(list(cs)), o); err != nil || r.Before != 1000 || r.Imported != 0 {
		t.Fatalf("once more: %+v, %v", r, err)
	}
	g, _ := semaphore.NewGroup(cs...)
	if h := head(t, w, i); h.Root != g.Root() {
		t.Error("another root")
	}
	audit(t, i, head(t, w, i))
}

// An imported member can leave; nobody's template is touched. And an enrolment
// of an imported commitment is refused.
func TestImportedMembers(t *testing.T) {
	w, i := start(t, quick)
	alice := testkit.NewPerson(1)
	if _, err := i.Import(t.Context(), strings.NewReader(list([]semaphore.Element{alice.ID.Commitment()})), issuer.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Enrol(t.Context(), w.Start(t, i, alice)); code(err) != api.CommitmentExists {
		t.Errorf("%v", err)
	}
	if _, _, err := i.Recover(t.Context(), w.Recovery(t, i, alice.Again(2))); code(err) != api.NotEnrolled {
		t.Errorf("nobody knows whose capture belongs to an imported member: %v", err)
	}
	d, _, err := i.Delete(t.Context(), testkit.Deletion(t, i, alice.ID))
	if err != nil || d.Status != api.DeletionRemoved {
		t.Errorf("%+v, %v", d, err)
	}
	if o, err := i.Openings(t.Context(), 0, 9); err != nil || len(o) != 0 {
		t.Errorf("%+v, %v", o, err)
	}
}

// Batch enrolment of 100,000 members in one call, with progress.
func TestImportHundredThousand(t *testing.T) {
	w, i := start(t)
	n, want := 100_000, 25
	if testing.Short() { // under the race detector
		n, want = 8_000, 2
	}
	text := list(commitments(n))
	calls, began := 0, time.Now()
	r, err := i.Import(t.Context(), strings.NewReader(text), issuer.ImportOptions{Progress: func(int, int) { calls++ }})
	if err != nil || r.Imported != n || calls != want {
		t.Fatalf("%+v, %d calls, %v", r, calls, err)
	}
	t.Logf("%d members in %s", n, time.Since(began).Round(time.Millisecond))
	if h := head(t, w, i); h.Live != uint64(n) {
		t.Error(h.Live)
	}
}
