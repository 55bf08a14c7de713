package iris

// column gives the 32 bits of column c of a plane.
func (t Template) column(plane, c int) uint64 {
	return t.plane(plane)[c/2] >> (c & 1 * 32) & 0xffffffff
}

// setColumn writes column c into a plane that is still zero.
func setColumn(plane []uint64, c int, v uint64) {
	plane[c/2] |= v << (c & 1 * 32)
}

// Rotate moves column c to column c+by, cyclically; by may be negative.
func (t Template) Rotate(by int) Template {
	return t.remap(func(c int) int { return c + by })
}

// remap gives the template whose column to(c), modulo the columns, is t's c.
func (t Template) remap(to func(c int) int) Template {
	out := newTemplate(t.cols)
	for p := range planes {
		for c := range t.cols {
			setColumn(out.plane(p), ((to(c)%t.cols)+t.cols)%t.cols, t.column(p, c))
		}
	}
	return out
}

// Mirror gives the code of the same iris seen in a mirror: the columns reversed
// inside each half and the imaginary bits negated. The result is compared with
// the other eye. Mirror is its own inverse.
func (t Template) Mirror() Template {
	half := t.cols / 2
	out := t.remap(func(c int) int {
		if c < half {
			return half - 1 - c
		}
		return t.cols - 1 - (c - half)
	})
	for i, w := range out.plane(im) {
		out.plane(im)[i] = ^w
	}
	return out
}

// Pair is both eyes of one person, or of one capture of one.
type Pair struct{ Left, Right Template }

// Mirror mirrors both eyes and swaps them.
func (p Pair) Mirror() Pair { return Pair{Left: p.Right.Mirror(), Right: p.Left.Mirror()} }

// CheckQuality demands the same shape and the quality gate of both eyes.
func (p Pair) CheckQuality() error {
	if p.Left.cols != p.Right.cols {
		return ErrColumns
	}
	if err := p.Left.CheckQuality(); err != nil {
		return err
	}
	return p.Right.CheckQuality()
}

// Wipe overwrites both eyes.
func (p Pair) Wipe() { p.Left.Wipe(); p.Right.Wipe() }
