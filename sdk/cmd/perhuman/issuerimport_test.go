package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/semaphore"
)

// An export of an official group becomes an issuer's members, once; what cannot
// be a member is named with its place.
func TestIssuerImport(t *testing.T) {
	d := newOffice(t)
	var cs []semaphore.Element
	for n := range byte(9) {
		cs = append(cs, semaphore.IdentityFromKey([]byte{'i', n}).Commitment())
	}
	g, err := semaphore.NewGroup(cs...)
	if err != nil {
		t.Fatal(err)
	}
	export, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	write(t, d.dir, "group.json", export)
	write(t, d.dir, "bad", []byte("# two of them\n0\n"+cs[0].String()+"\n"+semaphore.IdentityFromKey([]byte("x")).Commitment().String()+"\n"))
	run := func(args ...string) (int, string, string) {
		t.Helper()
		return call(t, append([]string{"issuer", "import", "-config", d.path("issuer.conf"), "-key", d.path("keys/signing.key")}, args...)...)
	}
	if code, _, _ := run(); code != 2 {
		t.Errorf("without a file: %d", code)
	}
	code, out, errs := run("-from", d.path("group.json"), "-batch", "4")
	if code != 0 || !strings.Contains(out, "imported  9\n") || !strings.Contains(errs, "4 of 9\n") || !strings.Contains(errs, "9 of 9\n") {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	if code, out, _ = run("-from", d.path("group.json")); code != 0 || !strings.Contains(out, "imported  0\nbefore    9\n") {
		t.Errorf("again: %d %s", code, out)
	}
	if code, _, errs = run("-from", d.path("bad"), "-label", "more"); code != 1 || !strings.Contains(errs, "line 2: 0 is no commitment") {
		t.Errorf("%d %s", code, errs)
	}
	code, out, errs = run("-from", d.path("bad"), "-label", "more", "-skip")
	if code != 0 || !strings.Contains(out, "imported  1\n") || !strings.Contains(errs, "line 3: is a member already") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	if code, _, errs = run("-from", d.path("nothing")); code != 2 {
		t.Errorf("%d %s", code, errs)
	}
}
