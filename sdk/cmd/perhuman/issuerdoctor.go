package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// issuerDoctor looks at what an issuer would be started with, and at the one
// that runs, if one does. It changes nothing.
func issuerDoctor(ctx context.Context, args []string, e env) error {
	v := newIssuerFlags("issuer doctor", e)
	at := v.set.String("at", "", "address of the running service (default none is asked)")
	if err := v.read(args, e); err != nil {
		return err
	}
	if err := v.check(); err != nil {
		return err
	}
	var faults int
	report := reporter(e.out, &faults)
	report(hashes(e.rand), curve(e.rand))
	vkey, found := v.doctorKeys()
	report(found...)
	if isPostgres(v.db) {
		report(warning("database", "perhuman issuer backup check looks into it", "PostgreSQL is not looked at"))
	} else if _, err := os.Stat(v.db); err == nil {
		report(database(v.db)...)
	} else {
		report(warning("database", "none if this is the first start; else look for where it went", "%s is not there", v.db))
	}
	report(v.doctorMatcher(ctx)...)
	report(v.doctorPolicy()...)
	report(v.doctorWitnesses(ctx)...)
	if *at != "" && vkey != "" {
		report(issuerHealth(ctx, vkey, *at, time.Now())...)
		report(issuerReady(ctx, *at))
	}
	return failed(faults, "issuer")
}

// doctorKeys reads every secret as the service would.
func (v *issuerFlags) doctorKeys() (vkey string, out []finding) {
	for n, path := range append([]string{v.key}, v.oldKeys...) {
		name, key, err := signerOf(path)
		if err != nil {
			out = append(out, fault("signing key", "perhuman issuer keygen makes one, mode 0600", err))
			continue
		}
		if n == 0 {
			vkey = key
			out = append(out, good("signing key", "%s signs for %s", path, name))
		} else {
			out = append(out, warning("old key", "drop it when everybody pins the new one", "%s signs too", path))
		}
	}
	if _, err := sealingKey(v.sealing); err != nil {
		out = append(out, fault("sealing key", "restore it from its safe: without it no template opens", err))
	} else if filepath.Dir(v.sealing) == filepath.Dir(v.db) {
		out = append(out, warning("sealing key", "keep it on another volume, or a copied disk holds both", "it lies beside the database"))
	} else {
		out = append(out, good("sealing key", "apart from the database"))
	}
	if v.adminToken != "" {
		out = append(out, secretFile(v.adminToken))
		if host, _, err := net.SplitHostPort(v.admin); err == nil && !loopback(host) {
			out = append(out, warning("admin listener", "put it on loopback, or let nobody else reach it", "it listens on %s", v.admin))
		}
	}
	return vkey, out
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// doctorPolicy reads what captures are held against, and what is claimed.
func (v *issuerFlags) doctorPolicy() (out []finding) {
	s := &issuing{flags: v}
	if _, err := s.captures("issuer.example"); err != nil {
		out = append(out, fault("captures", "see -device-root, -revoked and -firmware", err))
	} else {
		revoked, firmware := s.lists.Len()
		allowed := "any firmware"
		if firmware >= 0 {
			allowed = fmt.Sprintf("%d firmwares", firmware)
		}
		out = append(out, good("captures", "%d roots, %d revoked, %s", len(v.roots), revoked, allowed))
	}
	if v.virtual {
		out = append(out, warning("virtual devices", "never in production: anybody with the root's key can make people up", "they are believed"))
	}
	if _, err := v.consentHashes(); err != nil {
		out = append(out, fault("consent", "a text file that says what is kept, for how long, and how to delete it", err))
	}
	if v.rates == "" {
		out = append(out, warning("error rates", "measure (perhuman match report) and state them with -error-rates", "none are claimed"))
	}
	return out
}

// doctorWitnesses asks each witness whether it speaks the protocol: an empty
// request is malformed, and says so, and changes nothing.
func (v *issuerFlags) doctorWitnesses(ctx context.Context) (out []finding) {
	all, err := v.witnessList()
	if err != nil {
		return []finding{fault("witnesses", "write VKEY@URL", err)}
	}
	if len(all) == 0 {
		return []finding{warning("witnesses", "ask at least two others to run `perhuman witness` for you", "none: a first-time client can be shown a fork")}
	}
	for _, w := range all {
		name, _, _ := strings.Cut(w.vkey, "+")
		if err := speaksWitness(ctx, w.at); err != nil {
			out = append(out, fault("witness", "ask who runs it; anchoring goes on without it", fmt.Errorf("%s: %w", name, err)))
		} else {
			out = append(out, good("witness", "%s answers at %s", name, w.at))
		}
	}
	return out
}

func speaksWitness(ctx context.Context, at string) error {
	ctx, cancel := context.WithTimeout(ctx, netTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(at, "/")+"/add-checkpoint", strings.NewReader("\n"))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10))
	if resp.StatusCode != http.StatusBadRequest {
		return fmt.Errorf("status %d to a malformed request, where the protocol has 400", resp.StatusCode)
	}
	return nil
}

// issuerReady reads /readyz.
func issuerReady(ctx context.Context, at string) finding {
	ctx, cancel := context.WithTimeout(ctx, netTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(at, "/")+"/readyz", nil)
	if err != nil {
		return fault("ready", "see -at", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fault("ready", "is it running?", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	says := strings.TrimSpace(string(body))
	if err != nil || resp.StatusCode != http.StatusOK {
		return fault("ready", "docs/issuer.md says what each word means", errors.Join(err, errors.New(says)))
	}
	return good("ready", "%s", says)
}
