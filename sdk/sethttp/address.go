package sethttp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/perhuman/perhuman/semaphore/setlog"
)

// ErrAddress: an address that a log must not be fetched from.
var ErrAddress = errors.New("sethttp: invalid address")

// baseURL gives where an issuer's files are: at if it is set, else the address
// in the issuer's name.
func baseURL(name, at string) (string, error) {
	if at == "" {
		if err := setlog.ValidateName(name); err != nil {
			return "", err
		}
		at = "https://" + name
		host, _, _ := strings.Cut(name, "/")
		if host, _, _ := strings.Cut(host, ":"); isLoopback(host) {
			at = "http://" + name
		}
	}
	u, err := url.Parse(at)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrAddress, err)
	}
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return "", fmt.Errorf("%w: %q: https, or http on *.localhost and loopback", ErrAddress, at)
	case u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(at, "#"):
		return "", fmt.Errorf("%w: %q: want scheme, host and path only", ErrAddress, at)
	case strings.Contains(u.Path, "//") || strings.Contains(u.Path+"/", "/../") || u.RawPath != "":
		return "", fmt.Errorf("%w: %q: path", ErrAddress, at)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func isLoopback(host string) bool {
	if isLocalhost(host) {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func isLocalhost(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// NewTransport gives a transport that dials names under .localhost at 127.0.0.1
// (RFC 6761 section 6.3 wants that of resolvers, but not all do it) and never
// sends those through a proxy.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if isLoopback(r.URL.Hostname()) {
				return nil, nil
			}
			return http.ProxyFromEnvironment(r)
		},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(addr); err == nil && isLocalhost(host) {
				addr = net.JoinHostPort("127.0.0.1", port)
			}
			return dialer.DialContext(ctx, network, addr)
		},
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    4,
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  10 * time.Second,
	}
}
