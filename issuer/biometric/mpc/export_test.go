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

// RollBytes gives the file of a roll of so many members.
func RollBytes(members int) []byte {
	b := []byte(rollHead)
	for n := range members {
		e := entry{serial: Serial{0xff, byte(n), byte(n >> 8), byte(n >> 16)}, capture: Capture{0xff, byte(n), byte(n >> 8), byte(n >> 16)}}
		b = append(b, record(Pending, e, uint64(2*n))...)
		b = append(b, record(Member, entry{serial: e.serial}, uint64(2*n+1))...)
	}
	return b
}
