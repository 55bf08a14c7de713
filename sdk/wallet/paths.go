package wallet

import (
	"encoding/binary"

	"github.com/perhuman/perhuman/semaphore"
)

// Paths is what a wallet keeps so that its next process can prove with no
// network: the path to the root of the head that it read last, and those into
// the frozen sets that it knows. It says where the person stands in the set,
// which whoever reads the requests of a Sync knows only up to a crowd: keep it
// encrypted. It is empty before the first Sync.
//
//	pathsPrefix || commitment(32) || n x
//	(u64 frozen, 0 for the head's | u64 position | u64 crowd | u64 seq | root(32) | u8 siblings | u64 index | siblings x 32)
func (w *Wallet) Paths() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.owner.IsZero() || w.member == nil && len(w.frozen) == 0 {
		return nil
	}
	out := append([]byte(pathsPrefix), w.owner[:]...)
	if w.member != nil {
		out = appendPath(out, 0, w.head.Seq, *w.member)
	}
	n := 0
	for seq, m := range w.frozen {
		if n++; n <= maxKept {
			out = appendPath(out, seq, seq, m)
		}
	}
	return out
}

const (
	pathsPrefix = "perhuman/paths/1\n"
	maxKept     = 64           // frozen sets
	pathHead    = 4*8 + 32 + 1 // bytes before the index
)

func appendPath(out []byte, frozen, seq uint64, m membership) []byte {
	for _, n := range []uint64{frozen, m.position, m.crowd, seq} {
		out = binary.BigEndian.AppendUint64(out, n)
	}
	out = append(out, m.path.Root[:]...)
	out = append(out, byte(len(m.path.Siblings)))
	out = binary.BigEndian.AppendUint64(out, m.path.Index)
	for _, s := range m.path.Siblings {
		out = append(out, s[:]...)
	}
	return out
}

// Resume takes back what Paths gave, for a wallet that was made with the State
// of the same moment, and after Unlock or Watch. It uses no network and believes
// nothing: the path must lead from this identity to the root of the head in the
// state. What does not fit any more is passed over, as if it had not been kept;
// only bytes that Paths never gives are an error. Whether the head is young
// enough to prove under is for Prepare and Answer.
func (w *Wallet) Resume(paths []byte) (Status, error) {
	owner, kept, err := parsePaths(paths)
	if err != nil {
		return Status{}, err
	}
	h, known := w.follower.Head()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.owner.IsZero():
		return Status{}, refuse(Locked, "nobody to resume for yet")
	case !known:
		return Status{}, refuse(NotSynced, "no head was kept")
	case w.head.Origin == "" || w.head.Seq < h.Seq:
		w.head = h
	}
	for _, k := range kept {
		m := k.membership
		m.path.Leaf = owner
		fits := owner == w.owner && int(m.position) >= 0
		switch {
		case !fits:
		case k.frozen == 0 && w.member == nil && k.seq == h.Seq && m.path.Root == h.Root && leads(m.path):
			w.member, w.hint = &m, &m.position
		case k.frozen != 0 && (len(m.path.Siblings) == 0 || leads(m.path)):
			if _, there := w.frozen[k.frozen]; !there {
				w.frozen[k.frozen] = m
			}
		}
	}
	st := Status{Seq: h.Seq, Live: h.Live}
	if w.member != nil {
		st.Member, st.Position, st.Crowd = true, w.member.position, w.member.crowd
	}
	return st, nil
}

// Issued says when the issuer signed the newest head that this wallet has read,
// in unix seconds; 0 before the first. Offline, it is how old the set is.
func (w *Wallet) Issued() uint64 {
	h, _ := w.follower.Head()
	return h.Issued
}

type keptPath struct {
	frozen, seq uint64
	membership
}

func parsePaths(b []byte) (owner semaphore.Element, kept []keptPath, err error) {
	malformed := refuse(RequestInvalid, "not a wallet's paths")
	if len(b) == 0 {
		return owner, nil, nil
	}
	if len(b) < len(pathsPrefix)+32 || string(b[:len(pathsPrefix)]) != pathsPrefix {
		return owner, nil, malformed
	}
	b = b[len(pathsPrefix):]
	copy(owner[:], b)
	for b = b[32:]; len(b) > 0; {
		if len(b) < pathHead+8 || len(kept) > maxKept {
			return owner, nil, malformed
		}
		u64 := func(i int) uint64 { return binary.BigEndian.Uint64(b[i:]) }
		k := keptPath{frozen: u64(0), seq: u64(24), membership: membership{position: u64(8), crowd: u64(16)}}
		copy(k.path.Root[:], b[32:])
		n := int(b[64])
		k.path.Index = u64(pathHead)
		b = b[pathHead+8:]
		if n > semaphore.MaxDepth || len(b) < 32*n {
			return owner, nil, malformed
		}
		for i := range n {
			k.path.Siblings = append(k.path.Siblings, semaphore.Element(b[32*i:32*i+32]))
		}
		b = b[32*n:]
		kept = append(kept, k)
	}
	return owner, kept, nil
}

// leads says whether a path ends at its root. It takes no care of what an
// attacker could do with a path of another shape: who can write what a wallet
// keeps encrypted has the secret.
func leads(p semaphore.MerkleProof) bool {
	node := p.Leaf
	for i, s := range p.Siblings {
		if p.Index>>i&1 == 1 {
			node = semaphore.Hash2(s, node)
		} else {
			node = semaphore.Hash2(node, s)
		}
	}
	return node == p.Root && p.Index>>len(p.Siblings) == 0
}
