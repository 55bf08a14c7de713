package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/issuer/biometric/capture"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
	"github.com/perhuman/perhuman/issuer/biometric/share"
	"github.com/perhuman/perhuman/issuer/plain"
	"github.com/perhuman/perhuman/issuer/private"
	"github.com/perhuman/perhuman/semaphore/scope"
)

// linkPrefix marks the file of the key with which an issuer reaches its parties:
// the seed of its Ed25519 key.
const linkPrefix = "perhuman-link-1:"

// linkKeygen makes such a file and prints the public key, which is "front" in the
// group file.
func linkKeygen(path string, e env) error {
	seed := make([]byte, ed25519.SeedSize)
	defer clear(seed)
	if _, err := io.ReadFull(e.rand, seed); err != nil {
		return err
	}
	if err := writeSecret(path, linkPrefix+scope.EncodeToken(seed)); err != nil {
		return err
	}
	_, err := fmt.Fprintln(e.out, wire.PinOf(ed25519.NewKeyFromSeed(seed)))
	return err
}

func readLink(path string) (ed25519.PrivateKey, error) {
	line, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	text, ok := strings.CutPrefix(line, linkPrefix)
	seed, err := scope.DecodeToken(text)
	if !ok || err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s does not hold a link key (perhuman issuer keygen -link)", path)
	}
	defer clear(seed)
	return ed25519.NewKeyFromSeed(seed), nil
}

// groups reads the files of -parties.
func (v *issuerFlags) groups() (out []party.Group, err error) {
	for _, path := range v.parties {
		g, err := readGroup(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, g)
	}
	return out, nil
}

// modalityOf is the kind of captures that a group compares.
func modalityOf(g party.Group) capture.Modality {
	if g.Compare == party.Face {
		return capture.Face
	}
	return capture.Iris
}

// splitCaptures makes a policy one of captures that are split for the groups.
func splitCaptures(p *capture.Policy, groups []party.Group) {
	p.Parties = 3
	for m := range p.Accept {
		if !slices.ContainsFunc(groups, func(g party.Group) bool { return modalityOf(g) == m }) {
			delete(p.Accept, m)
		}
	}
}

// matcher makes the matcher that the flags name, and what ends it.
func (s *issuing) matcher(name string, consents [][32]byte, e env) (issuer.Matcher, func(), error) {
	v := s.flags
	if len(v.parties) == 0 {
		text, err := readSecret(v.matcher)
		if err != nil {
			return nil, nil, err
		}
		key, err := share.ParsePrivateKey(text)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", v.matcher, err)
		}
		return plain.New(key), func() {}, nil
	}
	groups, err := v.groups()
	if err != nil {
		return nil, nil, err
	}
	key, err := readLink(v.link)
	if err != nil {
		return nil, nil, err
	}
	var all []*private.Matcher
	for n, g := range groups {
		if g.Issuer != name {
			return nil, nil, fmt.Errorf("%s is a group of the issuer %q, not %q", v.parties[n], g.Issuer, name)
		}
		c := private.Config{Group: g, Rand: e.rand, Timeout: v.partyTimeout, Logf: s.logf}
		for i := range c.Parties {
			if c.Parties[i], err = party.NewClient(g, i, key); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", v.parties[n], err)
			}
		}
		if c.Auditing, err = v.auditing(g, key, consents, e); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", v.parties[n], err)
		}
		m, err := private.New(c)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", v.parties[n], err)
		}
		all = append(all, m)
	}
	if len(all) == 1 {
		return all[0], all[0].Close, nil
	}
	joined, err := private.Join(all...)
	if err != nil {
		return nil, nil, err
	}
	return joined, joined.Close, nil
}

// doctorMatcher looks at what compares people.
func (v *issuerFlags) doctorMatcher(ctx context.Context) (out []finding) {
	if len(v.parties) == 0 {
		text, err := readSecret(v.matcher)
		if err == nil {
			_, err = share.ParsePrivateKey(text)
		}
		if err != nil {
			return []finding{fault("matcher key", "captures are sealed to its public key", err)}
		}
		return []finding{warning("matcher", "templates are open in this process's memory: for small attended sets", "plain")}
	}
	key, err := readLink(v.link)
	if err != nil {
		return []finding{fault("link key", "perhuman issuer keygen -link makes one; its public key is front in the group file", err)}
	}
	name, _, err := signerOf(v.key)
	for _, path := range v.parties {
		g, gerr := readGroup(path)
		switch {
		case gerr != nil:
			out = append(out, fault("parties", "the group file is the same at the issuer and the three parties", gerr))
			continue
		case err == nil && g.Issuer != name:
			out = append(out, fault("parties", "the issuer's name stands in the group file", fmt.Errorf("%s is a group of %q", path, g.Issuer)))
		}
		out = append(out, v.doctorRoots(path, g)...)
		out = append(out, doctorParties(ctx, g, key)...)
	}
	return append(out, good("matcher", "mpc-3: it rests on three parties, of whom no two pool what they hold"))
}

// doctorRoots: a capture that the issuer believes and the parties do not is
// refused by them.
func (v *issuerFlags) doctorRoots(path string, g party.Group) (out []finding) {
	for _, text := range v.roots {
		root, err := deviceRoot(text)
		if err == nil && !slices.Contains(g.Roots, root.String()) {
			out = append(out, fault("parties", "the parties verify devices themselves: put the root into the group file of all", fmt.Errorf("-device-root of class %s is not in %s", root.Class, path)))
		}
	}
	return out
}

// doctorParties asks each party of a group how it is, and holds them against each
// other.
func doctorParties(ctx context.Context, g party.Group, key ed25519.PrivateKey) (out []finding) {
	ctx, cancel := context.WithTimeout(ctx, netTimeout)
	defer cancel()
	var is [3]party.Status
	var errs [3]error
	var all sync.WaitGroup
	for i := range is {
		all.Go(func() {
			c, err := party.NewClient(g, i, key)
			if err != nil {
				errs[i] = err
				return
			}
			defer c.Close()
			is[i], errs[i] = c.Status(ctx)
		})
	}
	all.Wait()
	for i, err := range errs {
		what := fmt.Sprintf("%s party %d", g.Compare, i)
		switch {
		case errors.Is(err, party.ErrGroup):
			out = append(out, fault(what, "all three and the issuer need the same group file, and -link-key the key that it names", err))
		case errors.Is(err, wire.ErrVersion) || err != nil && strings.Contains(err.Error(), "no application protocol"):
			out = append(out, fault(what, "it speaks another version of the protocol: run one release of perhuman at all three and the issuer", err))
		case errors.Is(err, wire.ErrPeer) && !hungUp(err):
			out = append(out, fault(what, "whoever answers at "+g.Parties[i].Address+" does not hold the key of the group file: is it that party, and does nothing end the TLS before it?", err))
		case err != nil:
			out = append(out, fault(what, "enrolment waits until it is back at "+g.Parties[i].Address+"; set and log go on", err))
		default:
			out = append(out, good(what, "%d places, %d pending, epoch %d, %s", is[i].Places, is[i].Pending, is[i].Epoch, is[i].Modality))
		}
	}
	if errors.Join(errs[:]...) != nil {
		return out
	}
	return append(out, together(g.Compare+" parties", is))
}

// hungUp: the connection ended before anybody had said who they are.
func hungUp(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &op) && (op.Op == "read" || op.Op == "write")
}

// together holds three parties against each other.
func together(what string, is [3]party.Status) finding {
	low, high := min(is[0].Places, is[1].Places, is[2].Places), max(is[0].Places, is[1].Places, is[2].Places)
	switch {
	case is[0].Epoch != is[1].Epoch || is[1].Epoch != is[2].Epoch:
		return warning(what, "a refresh of the shares runs or was cut off: the issuer brings them into one epoch before its next comparison", "epochs %d, %d and %d", is[0].Epoch, is[1].Epoch, is[2].Epoch)
	case high-low > 64:
		return fault(what, "was a folder put back from a backup? People are lost at that party: enrolment refuses until it has its newest folder again", fmt.Errorf("places %d, %d and %d", is[0].Places, is[1].Places, is[2].Places))
	case !bytes.Equal(is[0].Digest, is[1].Digest) || !bytes.Equal(is[1].Digest, is[2].Digest):
		return warning(what, "the issuer brings them together at its next enrolment, or says why it cannot; while one runs, look again", "their rolls differ: %s", odd(is))
	}
	return good(what, "one roll")
}

// odd says whose roll is the other one.
func odd(is [3]party.Status) string {
	for i := range is {
		if bytes.Equal(is[(i+1)%3].Digest, is[(i+2)%3].Digest) {
			return fmt.Sprintf("party %d has another than the other two", i)
		}
	}
	return "each has its own"
}

// partyTimeoutDefault is for a comparison with the largest gallery that one
// machine a party holds.
const partyTimeoutDefault = 2 * time.Minute

// partyRefreshDefault: an older backup of a party is of no use beside newer shares
// of another one after at most a week.
const partyRefreshDefault = 7 * 24 * time.Hour
