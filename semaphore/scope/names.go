package scope

import (
	"fmt"
	"strconv"
	"strings"
)

// ValidateRP checks a relying party as people see it: a lower-case ASCII host
// without trailing dot, 1..255 bytes, IDN in A-label form; a port only on
// names under .localhost. Addresses in numbers are not relying parties.
func ValidateRP(rp string) error {
	host, port, hasPort := strings.Cut(rp, ":")
	if rp == "" || len(rp) > 255 {
		return fmt.Errorf("%w: 1..255 bytes", ErrRP)
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if !matches(label, 63, "-") || label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("%w: %q is not a lower-case host", ErrRP, rp)
		}
	}
	if len(host) > 253 || len(labels) < 2 {
		return fmt.Errorf("%w: %q is not a full host name", ErrRP, rp)
	}
	if top := labels[len(labels)-1]; top[0] >= '0' && top[0] <= '9' {
		return fmt.Errorf("%w: %q is an address", ErrRP, rp)
	}
	if hasPort {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != port || !strings.HasSuffix(host, ".localhost") {
			return fmt.Errorf("%w: %q: a port belongs to *.localhost only", ErrRP, rp)
		}
	}
	return nil
}

// RPFromOrigin gives the relying party of a web origin as a browser reports
// it: https with the default port, or http on *.localhost with any port.
func RPFromOrigin(origin string) (string, error) {
	rp, ok := strings.CutPrefix(origin, "https://")
	if ok && !strings.Contains(rp, ":") {
		if err := ValidateRP(rp); err != nil {
			return "", fmt.Errorf("%w: %w", ErrOrigin, err)
		}
		return rp, nil
	}
	rp, ok = strings.CutPrefix(origin, "http://")
	host, _, _ := strings.Cut(rp, ":")
	if !ok || !strings.HasSuffix(host, ".localhost") {
		return "", fmt.Errorf("%w: https, or http on *.localhost", ErrOrigin)
	}
	if err := ValidateRP(rp); err != nil {
		return "", fmt.Errorf("%w: %w", ErrOrigin, err)
	}
	return rp, nil
}

// ValidateAction checks an action name: [a-z0-9._/-]{1,128}.
func ValidateAction(a string) error {
	if !matches(a, 128, "._/-") {
		return fmt.Errorf("%w: %q: [a-z0-9._/-]{1,128}", ErrAction, a)
	}
	return nil
}
