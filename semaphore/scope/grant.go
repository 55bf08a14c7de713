package scope

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Bounds of a grant.
const (
	MaxAgentName = 64 // bytes
	MaxCan       = 16 // actions
)

// Grant lets an agent, a program that holds an Ed25519 key, act for a person at
// one relying party: these actions, so often in all, until then. The person
// makes it theirs with a proof whose content is the grant; whoever shows the
// preimage of Revocation (SHA-256) ends it.
type Grant struct {
	RP         string
	Agent      [32]byte // Ed25519 public key
	Name       string   // what the person calls the agent
	Can        []string // names of actions, ascending
	Budget     uint32   // acts in all
	Expires    uint64   // unix seconds
	Revocation Digest
}

// Canonical gives the bytes that content of KindGrant is bound to:
// lp(rp) || agent || lp(name) || u8(n) || n times lp(action) || u32(budget) ||
// u64(expires) || revocation.
func (g Grant) Canonical() ([]byte, error) { return g.canonical(norm.NFC.IsNormalString) }

func (g Grant) canonical(nfc func(string) bool) ([]byte, error) {
	if err := ValidateRP(g.RP); err != nil {
		return nil, err
	}
	if g.Name == "" || len(g.Name) > MaxAgentName || !utf8.ValidString(g.Name) || !nfc(g.Name) || strings.ContainsFunc(g.Name, func(r rune) bool { return r < ' ' }) {
		return nil, fmt.Errorf("%w: a name is 1..%d bytes of UTF-8 in NFC", ErrGrant, MaxAgentName)
	}
	if len(g.Can) == 0 || len(g.Can) > MaxCan || g.Budget == 0 || g.Expires == 0 || g.Expires > 1<<40 || g.Revocation.IsZero() || g.Agent == [32]byte{} {
		return nil, fmt.Errorf("%w: 1..%d actions, a budget, an end, a key and a way to revoke", ErrGrant, MaxCan)
	}
	b := appendLP(nil, g.RP)
	b = append(b, g.Agent[:]...)
	b = appendLP(b, g.Name)
	b = append(b, byte(len(g.Can)))
	for i, action := range g.Can {
		if err := ValidateAction(action); err != nil {
			return nil, err
		}
		if i > 0 && g.Can[i-1] >= action {
			return nil, fmt.Errorf("%w: actions ascend, each once", ErrGrant)
		}
		b = appendLP(b, action)
	}
	b = binary.BigEndian.AppendUint32(b, g.Budget)
	b = binary.BigEndian.AppendUint64(b, g.Expires)
	return append(b, g.Revocation[:]...), nil
}

// Digest is the content digest of the grant, and its name.
func (g Grant) Digest() (Digest, error) {
	b, err := g.Canonical()
	if err != nil {
		return Digest{}, err
	}
	return Content(KindGrant, b)
}

// Allows reports whether the grant has an action.
func (g Grant) Allows(action string) bool { return slices.Contains(g.Can, action) }

// ParseGrant reads what Canonical made, and nothing else.
func ParseGrant(b []byte) (Grant, error) { return ReadGrant(b, norm.NFC.IsNormalString) }

// ReadGrant is ParseGrant for programs that cannot carry tables of Unicode (a
// page has its browser's): nfc reports whether a text is in Normalization Form C.
func ReadGrant(b []byte, nfc func(string) bool) (Grant, error) {
	var g Grant
	r := reader{b: b}
	g.RP = string(r.take(int(r.u16())))
	copy(g.Agent[:], r.take(32))
	g.Name = string(r.take(int(r.u16())))
	n := r.take(1)
	if n == nil {
		return Grant{}, fmt.Errorf("%w: not its bytes", ErrGrant)
	}
	for range n[0] {
		g.Can = append(g.Can, string(r.take(int(r.u16()))))
	}
	g.Budget, g.Expires = r.u32(), r.u64()
	copy(g.Revocation[:], r.take(32))
	if r.bad || len(r.b) != 0 {
		return Grant{}, fmt.Errorf("%w: not its bytes", ErrGrant)
	}
	again, err := g.canonical(nfc)
	if err != nil {
		return Grant{}, err
	}
	if !slices.Equal(again, b) {
		return Grant{}, fmt.Errorf("%w: not its bytes", ErrGrant)
	}
	return g, nil
}
