//go:build !amd64 || purego

package dot

func bestTier() tier { return pureGo }

// Never reached: no query has another tier than pureGo here.

func (t tier) window(_, _ []uint16, _ *steps, _ *uint16, _ int, _ *[8]uint32) {
	panic("dot: no kernel")
}

func (t tier) leaf(_ *uint16, _, _ *[tile]*uint16, _ int, _ *steps, _ int, _ []partial, _ int) {
	panic("dot: no kernel")
}

func (p *partial) combine(_ *[turnCount]uint32) { panic("dot: no kernel") }

func (t tier) sums(_, _ []uint16, _, _ int) { panic("dot: no kernel") }
