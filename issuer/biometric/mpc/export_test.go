package mpc

import "context"

// High gives this party's part of the highest bits of numbers, 256 to four
// words: number 4*lane+i of a tile is lane `lane` of its word i.
func (s *Session) High(ctx context.Context, number uint64, adder Adder, values []uint16) (own []uint64, err error) {
	err = s.do(ctx, number, [32]byte{9}, func(r *run) error {
		words := len(values) / 64
		r.work.room(16, words)
		cut := slicer{r: r, dst: r.work.x}
		for at := 0; at < len(values); at += 256 {
			cut.tile(values[at:at+256], 4, func(i int) int { return at/64 + i })
		}
		if err := r.reshare(r.work.x); err != nil {
			return err
		}
		hit, err := r.high(adder, r.work.x, r.work.c)
		own = hit.own
		return err
	})
	return own, err
}
