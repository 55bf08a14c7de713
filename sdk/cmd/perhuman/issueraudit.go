package main

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/httpapi/admin"
	"github.com/perhuman/perhuman/issuer/private"
)

// auditing makes what a group is audited with, nil without -audit-root. Planted
// people follow from the link key, which stays the same as long as the group.
func (v *issuerFlags) auditing(g party.Group, link ed25519.PrivateKey, consents [][32]byte, e env) (*private.Auditing, error) {
	if v.auditRoot == "" {
		return nil, nil
	}
	root, err := readRoot(v.auditRoot)
	if err != nil {
		return nil, err
	}
	defer clear(root)
	public := root.Public().(ed25519.PublicKey)
	newDevice := capture.NewAuditDevice
	switch {
	case slices.Contains(g.Roots, capture.AuditRoot(public).String()):
	case slices.Contains(g.Roots, capture.VirtualRoot(public).String()):
		newDevice = capture.NewVirtualDevice
	default:
		return nil, fmt.Errorf("the parties believe no device for audits: %s is not among the roots of their group", capture.AuditRoot(public))
	}
	device, err := newDevice(e.rand, root, time.Now())
	if err != nil {
		return nil, err
	}
	seed := link.Seed()
	defer clear(seed)
	key, err := hkdf.Key(sha256.New, seed, nil, "perhuman/issuer/audit/1", 32)
	if err != nil {
		return nil, err
	}
	return &private.Auditing{Device: device, Key: key, People: v.auditPeople, Consents: consents, Now: time.Now}, nil
}

// auditRetry is after how long an audit that could not be done is tried again; then
// twice as long, up to a minute. At a start the gallery is not open yet.
const auditRetry = time.Second

// audits has the parties audited until ctx ends, at random times whose mean
// distance is -audit-every.
func (s *issuing) audits(ctx context.Context, random io.Reader) {
	if s.parties == nil || s.flags.auditRoot == "" {
		return
	}
	retry := auditRetry
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		wait, err := within(random, 2*s.flags.auditEvery)
		if err == nil {
			err = s.parties.Audit(ctx)
		}
		switch {
		case errors.Is(err, mpc.ErrAudit):
			s.log.Error("an audit of the parties failed: nobody is enrolled until somebody has looked and starts this service again", "error", err)
			return
		case err != nil:
			s.log.Warn("the parties could not be audited yet", "error", err)
			wait, retry = retry, min(2*retry, time.Minute)
		default:
			retry = auditRetry
			s.log.Info("the parties were audited")
		}
		timer.Reset(wait)
	}
}

// partyGroups is what the admin listener tells of the parties.
func (s *issuing) partyGroups() (out []admin.PartyGroup) {
	for _, g := range s.parties.States() {
		out = append(out, admin.PartyGroup{Compares: g.Name, Epoch: g.Epoch, Audits: g.Audits})
	}
	return out
}
