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
//	pathsPrefix || commitment(32) || n x (five u64: frozen, 0 for the head's; position; crowd; index; siblings) || root(32) || siblings x 32)
func (w *Wallet) Paths() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.member == nil && len(w.frozen) == 0 {
		return nil
	}
	out := append([]byte(pathsPrefix), w.owner[:]...)
	if w.member != nil {
		out = appendPath(out, 0, w.member)
	}
	n := 0
	for seq, m := range w.frozen {
		if n++; n <= maxKept {
			out = appendPath(out, seq, &m)
		}
	}
	return out
}

const (
	pathsPrefix = "perhuman/paths/1\n"
	maxKept     = 64 // frozen sets
	pathWords   = 5
	pathHead    = 8*pathWords + 32
)

func appendPath(out []byte, frozen uint64, m *membership) []byte {
	for _, n := range [pathWords]uint64{frozen, m.position, m.crowd, m.path.Index, uint64(len(m.path.Siblings))} {
		out = binary.BigEndian.AppendUint64(out, n)
	}
	out = append(out, m.path.Root[:]...)
	for i := range m.path.Siblings {
		out = append(out, m.path.Siblings[i][:]...)
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
	h, known := w.follower.Head()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.owner.IsZero() || !known {
		return Status{}, refuse(NotSynced, "nothing was kept")
	}
	if w.head.Seq < h.Seq {
		w.head = h
	}
	if err := w.takeBack(paths, h.Root); err != nil {
		return Status{}, err
	}
	st := Status{Seq: h.Seq, Live: h.Live}
	if w.member != nil {
		st.Member, st.Position, st.Crowd = true, w.member.position, w.member.crowd
	}
	return st, nil
}

// takeBack reads paths.
func (w *Wallet) takeBack(b []byte, current semaphore.Element) error {
	if len(b) == 0 {
		return nil
	}
	const head = len(pathsPrefix) + 32
	malformed := refuse(RequestInvalid, "not a wallet's paths")
	if len(b) < head || string(b[:len(pathsPrefix)]) != pathsPrefix {
		return malformed
	}
	owner := semaphore.Element(b[len(pathsPrefix):head])
	for b = b[head:]; len(b) > 0; {
		if len(b) < pathHead {
			return malformed
		}
		var n [pathWords]uint64
		for i := range n {
			n[i] = binary.BigEndian.Uint64(b[8*i:])
		}
		m := membership{position: n[1], crowd: n[2]}
		m.path.Leaf, m.path.Index, m.path.Root = owner, n[3], semaphore.Element(b[pathHead-32:pathHead])
		b = b[pathHead:]
		if n[4] > semaphore.MaxDepth || len(b) < 32*int(n[4]) {
			return malformed
		}
		for range n[4] {
			m.path.Siblings = append(m.path.Siblings, semaphore.Element(b[:32]))
			b = b[32:]
		}
		switch {
		case owner != w.owner:
		case n[0] == 0 && w.member == nil && m.path.Root == current && leads(m.path):
			w.member, w.hint = &m, &m.position
		case n[0] != 0 && (n[4] == 0 || leads(m.path)):
			w.frozen[n[0]] = m
		}
	}
	return nil
}

// Issued says when the issuer signed the newest head that this wallet has read,
// in unix seconds; 0 before the first. Offline, it is how old the set is.
func (w *Wallet) Issued() uint64 {
	h, _ := w.follower.Head()
	return h.Issued
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
