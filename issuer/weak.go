package issuer

import (
	"errors"
	"slices"
	"strings"

	"github.com/perhuman/perhuman/semaphore"
)

// Reasons for which a number cannot be a member's commitment.
var (
	ErrZero       = errors.New("0 is no commitment")
	ErrOutOfRange = errors.New("not below the field's order")
	ErrNoNumber   = errors.New("not a number in canonical form")
	ErrSmallOrder = errors.New("commitment of a key of small order, which has no secret")
	ErrNoSecret   = errors.New("commitment of the identity that garbage in place of a secret gives")
	ErrDuplicate  = errors.New("stands there twice")
	ErrIsMember   = errors.New("is a member already, or about to be one")
)

// smallOrder are Poseidon(x, y) of the eight points of Baby Jubjub whose order
// divides the cofactor: anybody can sign for them. A test computes them.
var smallOrder = [...]string{
	"12583541437132735734108669866114103169564651237895298778035846191048104863326",
	"11929053447344985270982296518999682002885131454037426683218835522148669922336",
	"632281543195665666990958407950074414350279799392628777032569886589975273760",
	"7064011462650219715664868914969388239763056659178809012851572826975673522204",
	"18408546291162903352980960740361656607192922946056016208256932944581138225340",
	"12426812993256869024243183430648856843617733585230740274794819282062172434959",
	"18355732644876326321914313429815458166465170470646966102074143324382253369026",
	"5487079760113093288563806980711815926787480345107458321944110994429565256206",
}

// ofNoKey are commitments of identities whose secret everybody has.
var ofNoKey = [...]string{noSecret}

// parseCommitment reads a commitment that nobody proves to own: canonical
// decimal, or 0x and 64 hexadecimal digits. It refuses those that nobody can
// own alone, by name.
func parseCommitment(text string) (semaphore.Element, error) {
	parse := semaphore.ParseElement
	if strings.HasPrefix(text, "0x") {
		parse = semaphore.ParseElementHex
	}
	c, err := parse(text)
	switch {
	case errors.Is(err, semaphore.ErrRange):
		return c, ErrOutOfRange
	case err != nil:
		return c, ErrNoNumber
	case c.IsZero():
		return c, ErrZero
	}
	switch {
	case slices.Contains(ofNoKey[:], c.String()):
		return c, ErrNoSecret
	case slices.Contains(smallOrder[:], c.String()):
		return c, ErrSmallOrder
	}
	return c, nil
}
