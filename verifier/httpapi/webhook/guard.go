package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrForbidden: the address is none that a webhook may go to.
var ErrForbidden = errors.New("webhook: the address is not on the public internet, and not allowed")

// special are the networks that are not the public internet, beyond what
// netip.Addr tells: IANA's special-purpose registries.
func special() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8",       // this network
		"100.64.0.0/10",   // carrier-grade NAT (RFC 6598)
		"192.0.0.0/24",    // protocol assignments
		"192.0.2.0/24",    // documentation
		"192.88.99.0/24",  // 6to4 relays
		"198.18.0.0/15",   // benchmarks
		"198.51.100.0/24", // documentation
		"203.0.113.0/24",  // documentation
		"240.0.0.0/4",     // reserved, and broadcast
		"::/96",           // IPv4-compatible, loopback, unspecified
		"64:ff9b::/96",    // NAT64 (RFC 6052): leads to any IPv4 address
		"64:ff9b:1::/48",  // NAT64 of one's own (RFC 8215)
		"100::/64",        // discard
		"2001::/23",       // protocol assignments, Teredo among them
		"2001:db8::/32",   // documentation
		"2002::/16",       // 6to4: leads to any IPv4 address
		"3fff::/20",       // documentation
		"5f00::/16",       // segment routing
		"fc00::/7",        // unique local
		"fec0::/10",       // site local, as it was
	} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// guard decides where connections may go.
type guard struct {
	allow, special []netip.Prefix
}

// public says whether an address is one of the public internet.
func (g *guard) public(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() {
		return false
	}
	return !within(a, g.special)
}

func within(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// check is asked for each socket, after the name was resolved and before
// anything is sent: a name that resolves anew cannot slip past it.
func (g *guard) check(address string, plain bool) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrForbidden, address)
	}
	a := at.Addr().Unmap()
	if within(a, g.allow) || !plain && g.public(a) {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrForbidden, a)
}

// client makes an HTTP client that goes nowhere else.
func (g *guard) client(plain bool, timeout time.Duration, base *http.Transport) *http.Client {
	dialer := &net.Dialer{Timeout: timeout / 2, Control: func(_, address string, _ syscall.RawConn) error {
		return g.check(address, plain)
	}}
	t := base.Clone()
	t.Proxy = nil
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, addr)
	}
	t.DialTLSContext = nil
	t.TLSHandshakeTimeout = timeout / 2
	t.ResponseHeaderTimeout = timeout
	t.MaxResponseHeaderBytes = 16 << 10
	t.DisableCompression = true
	t.MaxIdleConnsPerHost = 2
	t.MaxConnsPerHost = 8
	t.IdleConnTimeout = 30 * time.Second
	return &http.Client{
		Transport:     t,
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
