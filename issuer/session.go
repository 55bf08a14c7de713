package issuer

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/perhuman/perhuman/sdk/api"
)

// A session costs the issuer nothing until somebody enrols with it: its nonce
// says when it ends and proves that it was made here, so nothing is stored and
// a flood of sessions takes no place from anybody. That it works once is
// decided where it is used: an intake keeps its session for ever.
//
//	nonce = expires, 5 bytes of unix seconds || 11 random bytes || HMAC-SHA256 of both and the issuer's name, 16 bytes
const (
	sessionEnd = 5
	sessionTag = 16
)

// sessions makes and recognises session nonces.
type sessions struct {
	key  []byte
	name string
}

func newSessions(operator []byte, name string) (sessions, error) {
	key, err := hkdf.Key(sha256.New, operator, nil, "perhuman/session/1", sha256.Size)
	if err != nil {
		return sessions{}, fmt.Errorf("issuer: %w", err)
	}
	return sessions{key: key, name: name}, nil
}

func (s sessions) tag(head []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write(head) // of fixed length
	mac.Write([]byte(s.name))
	return mac.Sum(nil)[:sessionTag]
}

// seal writes the end and the tag around the random bytes of n.
func (s sessions) seal(n *Nonce, expires uint64) {
	for b := range sessionEnd {
		n[b] = byte(expires >> (8 * (sessionEnd - 1 - b)))
	}
	copy(n[len(n)-sessionTag:], s.tag(n[:len(n)-sessionTag]))
}

// expires gives the end of a session that was made here.
func (s sessions) expires(n Nonce) (end uint64, ours bool) {
	head := n[:len(n)-sessionTag]
	if !hmac.Equal(s.tag(head), n[len(head):]) {
		return 0, false
	}
	for _, b := range n[:sessionEnd] {
		end = end<<8 | uint64(b)
	}
	return end, true
}

// StartSession begins an enrolment: the nonce works once, for SessionTTL. It
// writes nothing.
func (i *Issuer) StartSession(ctx context.Context) (api.Session, error) {
	if err := ctx.Err(); err != nil {
		return api.Session{}, coded(err)
	}
	if i.fenced.Load() {
		return api.Session{}, coded(ErrFenced)
	}
	var n Nonce
	if err := i.random(n[:]); err != nil {
		return api.Session{}, err
	}
	expires := i.now()/1000 + uint64(i.cfg.SessionTTL.Seconds())
	i.sessions.seal(&n, expires)
	return api.Session{
		Nonce: base64.RawURLEncoding.EncodeToString(n[:]), ExpiresAt: expires,
		Captures: i.evidence(), Issuer: i.cfg.Name,
	}, nil
}

// session gives the intake that was decided in a session, nil if the session is
// open, or why it cannot be used. A session that was used answers for ever: its
// person may have lost the answer.
func (i *Issuer) session(ctx context.Context, n Nonce) (*Enrolment, error) {
	end, ours := i.sessions.expires(n)
	if !ours {
		return nil, &api.Error{Code: api.SessionExpired}
	}
	used, err := i.cfg.Store.SessionIntake(ctx, n)
	if err != nil {
		return nil, coded(err)
	}
	if used == nil && i.now()/1000 > end {
		return nil, &api.Error{Code: api.SessionExpired}
	}
	return used, nil
}
