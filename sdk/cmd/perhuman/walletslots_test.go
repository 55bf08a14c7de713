package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/sdk/wallet/backup"
	"github.com/perhuman/perhuman/sdk/wallet/filestore"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// What is left where: counted in the period that runs, by the file of slots and
// what a backup brought, with k as the site said it last.
func TestWalletAllowances(t *testing.T) {
	dir := t.TempDir()
	slots, err := filestore.Open(filepath.Join(dir, purseSlots))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_790_000_000, 0)
	at := func(p scope.Policy, when time.Time) scope.Period { return p.Period(when) }
	day, yesterday := scope.PerDay(3), now.Add(-24*time.Hour)
	key := []byte("a secret of thirty-two bytes, no")
	n := byte(0)
	use := func(action string, p scope.Period, slot uint32, o wallet.Outcome) {
		t.Helper()
		n++
		b := wallet.Book{RP: "forum.example", Action: action, Period: p}
		err := slots.Take(t.Context(), b, wallet.Use{Challenge: scope.Digest{n}, Slot: slot})
		if err == nil && o != wallet.Shown {
			err = slots.Settle(t.Context(), b, scope.Digest{n}, o)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	use("post", at(day, now), 2, wallet.Accepted)
	use("post", at(day, now), 0, wallet.NotSpent) // one of many is not shown again
	use("post", at(day, yesterday), 1, wallet.Accepted)
	use("join", scope.Period{}, 0, wallet.NotSpent) // the only one is
	use("vote", scope.Period{}, 0, wallet.Shown)    // in no history
	use("hour", at(scope.PerEpoch(time.Hour, 9), now), 7, wallet.Shown)
	use("hour", at(scope.PerEpoch(time.Hour, 9), now), 1, wallet.Shown) // the site has lowered k to 2
	name, err := backup.BookName(key, "forum.example", "brought", at(day, now).Start, day.Len)
	if err != nil {
		t.Fatal(err)
	}
	act := func(action, kind string, length uint64, k uint32, when time.Time) backup.Act {
		return backup.Act{At: when.Unix(), RP: "forum.example", Action: action, Kind: kind, Len: length, K: k}
	}
	w := &purse{dir: dir, slots: slots, key: key}
	w.vault.History = []backup.Act{
		act("post", "per_epoch", 86400, 9, now.Add(-2)), act("post", "per_epoch", 86400, 3, now), // the newest k counts
		act("join", "once", 0, 1, yesterday), act("brought", "per_epoch", 86400, 3, now), act("gone", "per_epoch", 86400, 3, yesterday),
		act("hour", "per_epoch", 3600, 2, now), act("enter", "returning", 0, 1, now), act("odd", "per_moon", 1, 1, now),
	}
	w.store = newRestored(slots, key, []backup.Page{{Name: name, Used: []uint32{0, 1, 2}}})
	got, err := w.allowances(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, a := range got {
		said = append(said, a.String())
	}
	want := `forum.example, brought: 0 left of 3 until 2026-09-22T00:00:00Z
forum.example, hour: 1 left of 2 until 2026-09-21T15:00:00Z
forum.example, join: 1 left of 1 for ever
forum.example, post: 1 left of 3 until 2026-09-22T00:00:00Z
forum.example, vote: 1 used for ever; of how many, the site says when it asks`
	if s := strings.Join(said, "\n"); s != want {
		t.Errorf("%s\nwant\n%s", s, want)
	}
}

// What is said of the folder needs no issuer: status of a wallet whose issuer is
// gone lists it all the same.
func TestWalletStatusOffline(t *testing.T) {
	dir := t.TempDir()
	phrase := write(t, dir, "phrase", []byte("a passphrase of a test\n"))
	in := []string{"-dir", filepath.Join(dir, "w"), "-passphrase-file", phrase}
	p := newPeople(t, "issuer.localhost/people", 8)
	if code, _, errs := call(t, append([]string{"wallet", "new", "-issuer", p.issuer.VKey() + "=http://127.0.0.1:1"}, in...)...); code != 0 {
		t.Fatal(errs)
	}
	line := fmt.Sprintf(`{"at":%d,"rp":"forum.example","action":"join","kind":"once","len":0,"k":1,"issuer":"issuer.localhost/people"}`+"\n", time.Now().Unix())
	if err := os.WriteFile(filepath.Join(dir, "w", purseHistory), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := call(t, append([]string{"wallet", "status", "-json"}, in...)...)
	var said struct {
		Issuers []struct{ Problem string }
		Slots   []allowance
		History int
	}
	if err := json.Unmarshal([]byte(out), &said); code != 0 || err != nil || said.History != 1 || len(said.Slots) != 1 || *said.Slots[0].Left != 1 || len(said.Issuers) != 1 || said.Issuers[0].Problem == "" {
		t.Errorf("%d %v %s%s", code, err, out, errs)
	}
}
