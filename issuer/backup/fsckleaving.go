package backup

import (
	"encoding/hex"
	"fmt"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/semaphore/receipt"
)

// going is a deletion as its signed receipt tells it.
type going struct {
	receipt.Receipt
	committed bool // the leaf is out of the set
	found     bool // its row was there
}

// template tells whether there is one to be destroyed: imported members have none.
func (g going) template() bool { return g.Until != g.At }

// deletion: what the row says is what was promised in its receipt, and what was
// signed when the template was destroyed.
func (c *checker) deletion(r *Row) {
	id, until, destroyed := string(r.bytes[1]), uint64(r.ints[2]), uint64(r.ints[3]) // #nosec G115 -- compared only
	where := "deletion " + hex.EncodeToString(r.bytes[1])
	g, ok := c.leaving[id]
	if !ok {
		c.fault(where, "it has no intake")
		return
	}
	g.found = true
	c.leaving[id] = g
	if until != g.Until {
		c.fault(where, "not destroyed before %d, its receipt promised %d", until, g.Until)
	}
	switch tombstone := r.bytes[4]; {
	case destroyed == 0 && len(tombstone) == 0:
	case destroyed == 0 || len(tombstone) == 0:
		c.fault(where, "destroyed without a tombstone, or a tombstone of nothing destroyed")
	case !g.template() || !g.committed || destroyed < g.Until:
		c.fault(where, "destroyed, and that was not due")
	default:
		c.kept--
		t, ok := c.signed(where, "tombstone", tombstone)
		if ok && (t.Kind != receipt.Tombstone || t.ID != g.ID || t.Session != g.Session || t.Commitment != g.Commitment || t.At != destroyed) {
			c.fault(where, "its tombstone is for something else")
		}
	}
}

// endDeletions: every deletion that has a receipt has its row.
func (c *checker) endDeletions() {
	for id, g := range c.leaving {
		if !g.found {
			c.fault("deletion "+hex.EncodeToString([]byte(id)), "its row is lost")
		}
		if g.template() {
			c.owed[issuer.OpenedForDeletion]++
		}
	}
}

func (c *checker) opening(r *Row) {
	o := issuer.Opening{At: uint64(r.ints[2]), Reason: r.texts[3], Subject: r.bytes[4]}.After(issuer.Opening{Number: c.openings, Chain: c.chain})
	if r.ints[1] != o.Number || string(r.bytes[5]) != string(o.Chain[:]) {
		c.fault(fmt.Sprintf("opening %d", r.ints[1]), "the chain is broken: an opening was changed or taken away")
	}
	c.openings = r.ints[1]
	c.opened[o.Reason]++
	copy(c.chain[:], r.bytes[5])
}

// endOpenings: a chain does not show what is missing at its end. But nobody
// recovers, is re-keyed or is deleted without a link that was opened for it, so
// there are at least as many openings as such acts. An opening that led to
// nothing, because the act failed after it, can still be lost at the very end
// unseen.
func (c *checker) endOpenings() {
	for _, reason := range []string{issuer.OpenedForRecovery, issuer.OpenedForRekey, issuer.OpenedForDeletion} {
		if c.opened[reason] < c.owed[reason] {
			c.fault("openings", "%d for a %s are on record, %d were needed: the last ones are lost", c.opened[reason], reason, c.owed[reason])
		}
	}
}
