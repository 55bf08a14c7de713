package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/perhuman/perhuman/sdk/api"
)

// healthcheck asks a service whether it is ready, for containers that hold no
// other program that could.
func healthcheck(ctx context.Context, args []string, e env) error {
	f := flags("healthcheck", "[-timeout 5s] [-insecure] URL", e)
	timeout := f.Duration("timeout", 5*time.Second, "how long to wait")
	insecure := f.Bool("insecure", false, "do not check the certificate: for a service asked under an address that is not its name")
	if err := parse(f, args, 1); err != nil {
		return err
	}
	u, err := url.Parse(f.Arg(0))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q is no http(s) URL", f.Arg(0))
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/readyz"
	}
	client := &http.Client{Timeout: *timeout, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: *insecure}, // #nosec G402 -- only when asked for, and nothing secret is sent
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("not ready: %w: %w", err, errClaim)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	if resp.StatusCode != http.StatusOK {
		var p api.Problem
		_ = json.Unmarshal(body, &p)
		return fmt.Errorf("not ready: status %d %s: %w", resp.StatusCode, p.Code, errClaim)
	}
	fmt.Fprintln(e.out, "ready")
	return nil
}
