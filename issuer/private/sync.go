package private

import (
	"context"
	"fmt"

	"github.com/perhuman/perhuman/issuer/biometric/mpc"
	"github.com/perhuman/perhuman/issuer/biometric/mpc/party"
)

// sync makes the three rolls one again, and settles what is pending: committed if
// its person is on record, freed if nobody wants it, left alone while that is not
// decided. It is done at the start, and after every message that may have reached
// only some of the parties.
func (t *trio) sync(ctx context.Context) error {
	rolls, err := t.rolls(ctx)
	if err != nil {
		return err
	}
	longest := rolls[0]
	for _, r := range rolls[1:] {
		if len(r) > len(longest) {
			longest = r
		}
	}
	for place, e := range longest {
		for i, r := range rolls {
			if place < len(r) && r[place].Serial != e.Serial {
				return fmt.Errorf("%w: another serial at place %d of party %d", ErrDiverged, place, i)
			}
		}
	}
	fates, err := t.fates(longest)
	if err != nil {
		return err
	}
	for place, e := range longest {
		if err := t.settle(ctx, rolls, place, e, fates[e.Serial]); err != nil {
			return err
		}
	}
	for i := range t.parties {
		s, err := t.parties[i].Status(ctx)
		if err != nil {
			return unavailable(err)
		}
		if e := nameOf(s); e != t.epoch || !settled(s) {
			return fmt.Errorf("%w: party %d went to another epoch", ErrUnavailable, i)
		}
		if s.Places != len(longest) {
			return fmt.Errorf("%w: %d places at party %d, not %d", ErrDiverged, s.Places, i, len(longest))
		}
	}
	t.roll, t.synced = longest, true
	return nil
}

// settle makes one place alike at all three. longest[place] is set to it.
func (t *trio) settle(ctx context.Context, rolls [3][]party.Entry, place int, e party.Entry, to fate) error {
	missing, pending, member, gone := 0, 0, 0, 0
	for _, r := range rolls {
		switch {
		case place >= len(r):
			missing++
		case r[place].State == mpc.Pending:
			pending++
		case r[place].State == mpc.Member:
			member++
		default:
			gone++
		}
	}
	state := mpc.Pending
	switch {
	case member == 3:
		state = mpc.Member
	case gone == 3:
		state = mpc.Gone
	// It was freed or its capture reached only some: nobody has been told that the
	// person is in, unless the person is on record, who then must not be lost.
	case gone > 0 || missing > 0:
		if to == commit && (member > 0 || missing > 0) {
			return fmt.Errorf("%w: place %d is of somebody on record, and not at every party", ErrDiverged, place)
		}
		state = mpc.Gone
	case member > 0 || to == commit:
		state = mpc.Member
	case to == free:
		state = mpc.Gone
	}
	for i, r := range rolls {
		var err error
		switch {
		case place < len(r) && r[place].State == state:
			continue
		case place >= len(r):
			err = t.parties[i].Void(ctx, e.Serial, e.Capture, place)
		case state == mpc.Member:
			err = t.parties[i].Commit(ctx, e.Serial)
		case state == mpc.Gone:
			_, err = t.parties[i].Free(ctx, e.Serial)
		}
		if err != nil {
			return unavailable(err)
		}
	}
	for _, r := range rolls {
		if place < len(r) {
			r[place].State = state
		}
	}
	return nil
}

// rolls reads the three rolls. Two that are alike, by their digests, are read
// once.
func (t *trio) rolls(ctx context.Context) (out [3][]party.Entry, err error) {
	status, err := t.oneEpoch(ctx)
	if err != nil {
		return out, err
	}
	for i, s := range status {
		if s.Modality != status[0].Modality {
			return out, fmt.Errorf("%w: party %d compares %s, party 0 %s", ErrDiverged, i, s.Modality, status[0].Modality)
		}
		for k := range i {
			if string(status[k].Digest) == string(s.Digest) && status[k].Places == s.Places {
				out[i] = append([]party.Entry(nil), out[k]...)
				break
			}
		}
		for len(out[i]) < s.Places {
			part, err := t.parties[i].Roll(ctx, len(out[i]))
			if err != nil {
				return out, unavailable(err)
			}
			if len(part) == 0 {
				return out, fmt.Errorf("%w: the roll of party %d ends early", ErrDiverged, i)
			}
			out[i] = append(out[i], part...)
		}
	}
	return out, nil
}
