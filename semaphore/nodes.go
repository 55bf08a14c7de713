package semaphore

// chunkBits: a level of a tree is kept in chunks of 64k nodes, 2 MB. A level
// then grows without being copied, and a view keeps only the chunks alive that
// have changed since.
const (
	chunkBits = 16
	chunkSize = 1 << chunkBits
)

// nodes is one level of a tree: a list that grows at the end, shares its chunks
// with views and copies one before it changes a node that a view may see.
type nodes struct {
	n      int
	chunks [][]Element
	// shared marks chunks that a view holds too. Only the writer looks at it.
	shared []bool
}

func (s *nodes) at(i int) Element { return s.chunks[i>>chunkBits][i&(chunkSize-1)] }

func (s *nodes) set(i int, e Element) {
	s.own(i >> chunkBits)
	s.put(i, e)
}

// put is set in a chunk that is owned.
func (s *nodes) put(i int, e Element) { s.chunks[i>>chunkBits][i&(chunkSize-1)] = e }

// own makes the nodes of a chunk safe to change.
func (s *nodes) own(chunk int) {
	if s.shared[chunk] {
		old := s.chunks[chunk]
		s.chunks[chunk] = append(make([]Element, 0, cap(old)), old...)
		s.shared[chunk] = false
	}
}

// resize cuts the list to n nodes or appends nodes to be set later. Room beyond
// the end of a shared chunk is free to use: a view does not reach it.
func (s *nodes) resize(n int) {
	for s.n < n {
		if s.n&(chunkSize-1) == 0 {
			s.chunks = append(s.chunks, nil)
			s.shared = append(s.shared, false)
		}
		last := len(s.chunks) - 1
		old := s.chunks[last]
		want := min(len(old)+n-s.n, chunkSize)
		if want > cap(old) {
			room := min(max(want, 2*cap(old)), chunkSize)
			s.chunks[last] = append(make([]Element, 0, room), old...)
			s.shared[last] = false
		}
		s.chunks[last] = s.chunks[last][:want]
		s.n += want - len(old)
	}
	if s.n > n {
		s.n = n
		keep := (n + chunkSize - 1) >> chunkBits
		clear(s.chunks[keep:])
		s.chunks, s.shared = s.chunks[:keep], s.shared[:keep]
		if rest := n & (chunkSize - 1); rest != 0 {
			s.chunks[keep-1] = s.chunks[keep-1][:rest]
		}
	}
}

// view gives the list as it is now; the original may go on changing.
func (s *nodes) view() nodes {
	for i := range s.shared {
		s.shared[i] = true
	}
	return nodes{n: s.n, chunks: append([][]Element(nil), s.chunks...)}
}

// copyOut gives n nodes from start on.
func (s *nodes) copyOut(start, n int) []Element {
	out := make([]Element, 0, n)
	for end := start + n; start < end; {
		chunk := s.chunks[start>>chunkBits][start&(chunkSize-1):]
		chunk = chunk[:min(len(chunk), end-start)]
		out = append(out, chunk...)
		start += len(chunk)
	}
	return out
}
