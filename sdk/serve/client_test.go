package serve

import (
	"net/http/httptest"
	"net/netip"
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
