package serve

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Client tells where a request comes from, as coarse as limits need it: an IPv4
// address, or the /64 that an IPv6 address is in, which is what one subscriber
// has. Forwarded headers are believed only from trusted proxies: the address is
// the last one in X-Forwarded-For that no trusted proxy has. What has no network
// address (a unix socket) is named as the connection names it.
func Client(r *http.Request, trusted []netip.Prefix) string {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr := from.Addr().Unmap().WithZone("")
	if within(addr, trusted) {
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for _, hop := range slices.Backward(hops) {
			a, err := netip.ParseAddr(strings.TrimSpace(hop))
			if err != nil || a.Zone() != "" {
				break // what no proxy of ours wrote; the last good one counts
			}
			if addr = a.Unmap(); !within(addr, trusted) {
				break
			}
		}
	}
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}

func within(a netip.Addr, list []netip.Prefix) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}
