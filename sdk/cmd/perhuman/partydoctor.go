package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/wire"
)

// partyDoctor looks at what a party is started with, and changes nothing: its
// files, and whether the next party answers. Only the issuer can ask all three
// (perhuman issuer doctor).
func partyDoctor(ctx context.Context, args []string, e env) error {
	v := newPartyFlags("party doctor", e)
	at := v.set.String("at", "", "address of -health of the running party (default none is asked)")
	if err := v.read(args, e); err != nil {
		return err
	}
	if err := v.check(); err != nil {
		return err
	}
	var faults int
	report := reporter(e.out, &faults)
	g, err := readGroup(v.group)
	if err != nil {
		report(fault("group", "the group file is the same at the issuer and the three parties", err))
	} else {
		digest, _ := g.Digest() // it was read
		report(good("group", "%x of %s, which compares %s: the other two should read the same", digest[:8], g.Issuer, g.Compare))
		if g.Virtual {
			report(warning("virtual devices", "never in production: anybody with the root's key can make people up", "they are believed"))
		}
		report(v.doctorFolder(g)...)
		report(v.doctorNext(ctx, g))
	}
	if *at != "" {
		report(issuerReady(ctx, *at))
	}
	return failed(faults, "party")
}

func (v *partyFlags) doctorFolder(g party.Group) (out []finding) {
	secret := filepath.Join(v.dir, "secret")
	if info, err := os.Stat(secret); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		out = append(out, fault("secret", "chmod 600: with two of these files every template opens", fmt.Errorf("%s can be read by others", secret)))
	}
	in, err := party.Inspect(v.dir, g, false)
	switch {
	case errors.Is(err, party.ErrLocked):
		return append(out, good("folder", "a party has it open"))
	case errors.Is(err, party.ErrGroup):
		return append(out, fault("folder", "is -group the file that all three have, and -dir the folder whose entry stands in it?", err))
	case err != nil:
		return append(out, fault("folder", "it holds this party's secret and shares; perhuman party init makes a new party's", err))
	}
	for _, one := range in.Faults {
		out = append(out, fault("folder", "perhuman party fsck reads everything; only this party's own newest backup helps", one))
	}
	if in.Torn || in.Erase > 0 {
		out = append(out, warning("folder", "none: the next start does it", "what a crash left is to be settled"))
	}
	return append(out, good("folder", "party %d: %d members, %d pending, %d gone, epoch %d", in.Party, in.Members, in.Pending, in.Gone, in.Epoch))
}

// doctorNext shakes hands with the party that this one connects to.
func (v *partyFlags) doctorNext(ctx context.Context, g party.Group) finding {
	keys, err := party.ReadKeys(v.dir)
	if err != nil {
		return fault("keys", "perhuman party init makes them, once", err)
	}
	defer keys.Seal.Wipe()
	for i, m := range g.Parties {
		if keys.Public(m.Address) != m {
			continue
		}
		next := (i + 1) % len(g.Parties)
		return shakeHands(ctx, fmt.Sprintf("party %d", next), g.Parties[next], keys)
	}
	return fault("next party", "is this the folder whose entry stands in the group file?", party.ErrGroup)
}

func shakeHands(ctx context.Context, what string, m party.Member, keys *party.Keys) finding {
	ctx, cancel := context.WithTimeout(ctx, netTimeout)
	defer cancel()
	pin, err := m.Pin()
	if err != nil {
		return fault(what, "its entry in the group file", err)
	}
	tcp, err := new(net.Dialer).DialContext(ctx, "tcp", m.Address)
	if err == nil {
		var c net.Conn
		if c, err = wire.Client(ctx, tcp, keys.Link, pin); err == nil {
			_ = c.Close()
			return good(what, "answers at %s with its key", m.Address)
		}
	}
	switch {
	case errors.Is(err, wire.ErrVersion) || strings.Contains(err.Error(), "no application protocol"):
		return fault(what, "it speaks another version of the protocol: run one release of perhuman at all three and the issuer", err)
	case errors.Is(err, wire.ErrPeer) && !hungUp(err):
		return fault(what, "whoever answers at "+m.Address+" does not hold the key of the group file: is it that party, and does nothing end the TLS before it?", err)
	}
	return fault(what, "nobody is enrolled until it answers at "+m.Address, err)
}
