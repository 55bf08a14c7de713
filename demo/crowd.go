package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"

	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/sdk/wallet"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/scope"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// crowdSeed decides which people are made up; personas that a visitor can
// choose have numbers of their own, above the crowd's.
const crowdSeed = 20260101

// batch is how many of the crowd are enrolled in one call.
const batch = 50

// crowdKey is the secret of crowd member n. These people exist so that a real
// one has somebody to hide among; their secrets are known to everybody.
func crowdKey(n int) []byte {
	key := make([]byte, 32)
	copy(key, "perhuman demo crowd member")
	binary.BigEndian.PutUint32(key[28:], uint32(n))
	return key
}

// newCrowd computes the identities of the crowd.
func newCrowd(size int) []*semaphore.Identity {
	crowd := make([]*semaphore.Identity, size)
	for n := range crowd {
		crowd[n] = semaphore.IdentityFromKey(crowdKey(n))
	}
	return crowd
}

// fillCrowd enrols synthetic people until the set has as many as asked for,
// through the same intake as everybody else: session, possession, capture,
// match. Members are known by their number, so a restart goes on where it was.
func (w *world) fillCrowd(ctx context.Context) error {
	have, err := w.members()
	if err != nil {
		return err
	}
	var requests []api.EnrolmentRequest
	for n, id := range w.crowd {
		if have[id.Commitment()] {
			continue
		}
		request, err := w.crowdRequest(ctx, n, id)
		if err != nil {
			return fmt.Errorf("crowd: %w", err)
		}
		if requests = append(requests, request); len(requests) == batch {
			if err := w.enrolAll(ctx, requests); err != nil {
				return err
			}
			requests = requests[:0]
		}
		if ctx.Err() != nil {
			return nil
		}
	}
	return w.enrolAll(ctx, requests)
}

func (w *world) enrolAll(ctx context.Context, requests []api.EnrolmentRequest) error {
	if len(requests) == 0 {
		return nil
	}
	results, err := w.issuer.EnrolMany(ctx, requests)
	if err != nil {
		if ctx.Err() != nil {
			return nil // stopped while filling; the next start goes on
		}
		return fmt.Errorf("crowd: %w", err)
	}
	for _, r := range results {
		if r.Err != nil {
			return fmt.Errorf("crowd: %w", r.Err)
		}
	}
	return nil
}

// crowdRequest plays wallet, page and device for one member of the crowd.
func (w *world) crowdRequest(ctx context.Context, n int, id *semaphore.Identity) (api.EnrolmentRequest, error) {
	session, err := w.issuer.StartSession(ctx)
	if err != nil {
		return api.EnrolmentRequest{}, err
	}
	nonce, err := bytes32("session", session.Nonce)
	if err != nil {
		return api.EnrolmentRequest{}, err
	}
	possession, err := wallet.Possess(id, id.Key(), session.Issuer, nonce)
	if err != nil {
		return api.EnrolmentRequest{}, err
	}
	envelope, err := w.envelope(w.booth, nonce, captureRequest{
		Modality: string(capture.Iris), Persona: uint64(n) + 1,
		Commitment: id.Commitment().String(), ConsentHash: scope.EncodeToken(w.consents[0][:]),
	})
	if err != nil {
		return api.EnrolmentRequest{}, err
	}
	return enrolmentRequest(session.Nonce, envelope, possession), nil
}

func enrolmentRequest(session string, envelope []byte, p wallet.Possession) api.EnrolmentRequest {
	return api.EnrolmentRequest{
		Session: session, Envelope: scope.EncodeToken(envelope),
		PublicKey: [2]string{p.PublicKey.X.String(), p.PublicKey.Y.String()},
		Signature: scope.EncodeToken(p.Signature), Salt: scope.EncodeToken(p.Salt[:]),
	}
}

// members are the commitments in the set now.
func (w *world) members() (map[semaphore.Element]bool, error) {
	leaves, err := w.leaves()
	if err != nil {
		return nil, err
	}
	set := make(map[semaphore.Element]bool, len(leaves))
	for _, leaf := range leaves {
		if !leaf.IsZero() {
			set[leaf] = true
		}
	}
	return set, nil
}

// leaves are all leaves of the current set, in order.
func (w *world) leaves() ([]semaphore.Element, error) {
	served, err := w.issuer.Head()
	if err != nil {
		return nil, err
	}
	key, err := setlog.ParseVKey(w.issuer.VKey())
	if err != nil {
		return nil, err
	}
	head, err := setlog.OpenHead(served.Note, key)
	if err != nil {
		return nil, err
	}
	pieces, size, err := w.issuer.Leaves(head.Seq)
	if err != nil {
		return nil, err
	}
	leaves := make([]semaphore.Element, 0, size/32)
	for _, piece := range pieces {
		for len(piece) >= 32 {
			e, err := semaphore.ElementFromBytes(piece[:32])
			if err != nil {
				return nil, err
			}
			leaves, piece = append(leaves, e), piece[32:]
		}
	}
	return leaves, nil
}

// crowdProgress tells pages how far the first start has come.
func (w *world) crowdProgress(rw http.ResponseWriter, r *http.Request) {
	have, err := w.members()
	if err != nil {
		w.problem(rw, r, err)
		return
	}
	synthetic := 0
	for _, id := range w.crowd {
		if have[id.Commitment()] {
			synthetic++
		}
	}
	serve.WriteJSON(rw, http.StatusOK, map[string]int{"people": len(have), "synthetic": synthetic, "goal": w.cfg.crowd})
}
