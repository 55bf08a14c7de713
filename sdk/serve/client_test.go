package serve

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// T42: only proxies that the operator named are believed, hop by hop.
func TestT42ForwardedHeaders(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		remote, forwarded, want string
		trust                   bool
	}{
		{"192.0.2.7:1", "198.51.100.1", "192.0.2.7", true}, // not from a proxy of ours
		{"10.0.0.1:1", "198.51.100.1", "10.0.0.1", false},  // nobody is trusted
		{"10.0.0.1:1", "198.51.100.1", "198.51.100.1", true},
		{"10.0.0.1:1", "1.1.1.1, 198.51.100.1, 10.9.9.9", "198.51.100.1", true},
		{"10.0.0.1:1", "198.51.100.1, rubbish", "10.0.0.1", true},
		{"10.0.0.1:1", "", "10.0.0.1", true},
		{"[fd00::1]:1", "2001:db8:1:2:3::4", "2001:db8:1:2::/64", true},
		{"[::ffff:10.0.0.1]:1", "::ffff:198.51.100.1", "198.51.100.1", true},
		{"[fe80::1%eth0]:1", "", "fe80::/64", true},
		{"@", "198.51.100.1", "@", true},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = c.remote
		r.Header.Set("X-Forwarded-For", c.forwarded)
		list := trusted
		if !c.trust {
			list = nil
		}
		if got := Client(r, list); got != c.want {
			t.Errorf("%s, %q: %s, want %s", c.remote, c.forwarded, got, c.want)
		}
	}
}

// Whatever stands in the headers: what comes out is short, comes from the
// connection if nobody is trusted, and is never a proxy of ours if there was a
// good address before it.
func FuzzClient(f *testing.F) {
	for _, seed := range [][2]string{{"10.0.0.1:1", "198.51.100.1, 10.9.9.9"}, {"[fd00::1%eth0]:1", "2001:db8::1"}, {"10.0.0.1:1", ",,,"}, {"@", "::ffff:1.2.3.4"}, {"10.0.0.1:1", "fe80::1%25x"}} {
		f.Add(seed[0], seed[1])
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f.Fuzz(func(t *testing.T, remote, forwarded string) {
		r := &http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": {forwarded}}}
		bare := Client(&http.Request{RemoteAddr: remote}, nil)
		if got := Client(r, nil); got != bare {
			t.Errorf("nobody is trusted, and %q counts: %q", forwarded, got)
		}
		got := Client(r, trusted)
		if got == bare {
			return
		}
		text, _, net := strings.Cut(got, "/")
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Is4() == net || addr.Zone() != "" || addr.Is4In6() {
			t.Errorf("%q, %q: %q", remote, forwarded, got)
		}
	})
}
