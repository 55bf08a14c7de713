package webhook

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestGuardTable(t *testing.T) {
	g := &guard{special: special()}
	for _, bad := range []string{
		"127.0.0.1", "127.255.255.255", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
		"100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1",
		"239.1.1.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1",
		"2001:db8::1", "2002:7f00:1::", "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1", "3fff::1",
	} {
		for _, plain := range []bool{false, true} {
			if err := g.check(netip.AddrPortFrom(netip.MustParseAddr(bad), 443).String(), plain); !errors.Is(err, ErrForbidden) {
				t.Errorf("%s: %v", bad, err)
			}
		}
	}
	for _, good := range []string{"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"} {
		if err := g.check(netip.AddrPortFrom(netip.MustParseAddr(good), 443).String(), false); err != nil {
			t.Errorf("%s: %v", good, err)
		}
		if err := g.check(netip.AddrPortFrom(netip.MustParseAddr(good), 80).String(), true); err == nil {
			t.Errorf("%s in the clear", good)
		}
	}
	for _, odd := range []string{"", "x", "1.1.1.1", "[fe80::1%eth0]:443", "[2606:4700::1%x]:443", "/run/socket"} {
		if g.check(odd, false) == nil {
			t.Errorf("%q passes", odd)
		}
	}
	g.allow = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	if g.check("10.1.2.3:80", true) != nil || g.check("[::ffff:10.1.2.3]:443", false) != nil || g.check("10.2.0.1:443", false) == nil {
		t.Error("the allowed network is not the one that is allowed")
	}
}

// The check is made on the socket, whatever led there: an address in any
// spelling, a name, a redirect, a proxy of the environment.
func TestGuardOnTheWire(t *testing.T) {
	r := newReceiver(t)
	t.Setenv("HTTPS_PROXY", r.URL)
	t.Setenv("HTTP_PROXY", r.URL)
	port := r.Listener.Addr().(*net.TCPAddr).Port
	w := newWorld(t, pool(r), nil)
	var at []string
	for _, host := range []string{"127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0", "[::]"} {
		at = append(at, strings.Replace(r.URL, "127.0.0.1", host, 1))
	}
	at = append(at, strings.Replace(r.URL, "https:", "http:", 1))
	for _, url := range at {
		_, hook, err := w.reg.CreateHook(t.Context(), w.app.ID, url+"/x", nil)
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		if err := w.hooks.send(t.Context(), hook, "msg_x", []byte("{}")); err == nil {
			t.Errorf("%s is reached", url)
		}
		if err := w.reg.RemoveHook(t.Context(), w.app.ID, hook.ID); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.taken()); n != 0 {
		t.Errorf("%d requests arrived at port %d", n, port)
	}

	// An allowed receiver cannot lead us on to one that is not.
	inner := newReceiver(t)
	outer := newReceiver(t)
	outer.say(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, inner.URL, http.StatusPermanentRedirect)
	})
	w2 := newWorld(t, pool(outer), loopback)
	_, hook := w2.hook(outer.URL)
	if err := w2.hooks.send(t.Context(), hook, "msg_x", []byte("{}")); err == nil || len(inner.taken()) != 0 || len(outer.taken()) != 1 {
		t.Errorf("%v, %d requests behind the redirect", err, len(inner.taken()))
	}
}
