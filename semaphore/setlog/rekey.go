package setlog

import "github.com/perhuman/perhuman/semaphore"

// rekeys checks the order of re-keys (protocol.md section 7): an announcement
// names a leaf that is in the set; a leaf goes only if it was announced in an
// earlier batch; and new leaves never outnumber the old ones that went in earlier
// batches. Which new leaf belongs to which old one is not told, on purpose.
type rekeys struct {
	announced map[uint64]uint64 // seq by leaf
	outs, ins int
	resumed   bool   // what came before is not known: only leaves are checked
	seq       uint64 // of the batch that is read
	now       int    // outs in it
}

// take reads the next entry of a re-key. leaf is what stands at its position.
func (k *rekeys) take(e *Entry, leaf semaphore.Element) (Lie, string) {
	if e.Seq != k.seq {
		k.seq, k.outs, k.now = e.Seq, k.outs+k.now, 0
	}
	switch e.Op {
	case OpRekeyAnnounced:
		if leaf != e.Commitment {
			return LieLeaf, "announced leaf does not hold the commitment"
		}
		if k.announced == nil {
			k.announced = map[uint64]uint64{}
		}
		k.announced[e.LeafIndex] = e.Seq
	case OpRekeyOut:
		if at, ok := k.announced[e.LeafIndex]; !k.resumed && !ok || ok && at == e.Seq {
			return LieRekey, "the leaf went without an announcement in an earlier batch"
		}
		delete(k.announced, e.LeafIndex)
		k.now++
	case OpRekeyIn:
		if k.ins++; k.ins > k.outs && !k.resumed {
			return LieRekey, "a new leaf, and no old one had gone for it in an earlier batch"
		}
	}
	return "", ""
}
