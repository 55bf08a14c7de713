package issuer

// Schedule says when the steps of a recovery may happen (protocol.md section
// 7). All times are unix seconds. It is pure: the anchor asks it, and so can
// everybody else who knows the issuer's metadata.
//
//	announced ---- Cooldown ----> out ---- Lead ----> boundary -- Settle --> in
//
// A period that divides Period ends at the boundary if the boundary falls into
// it at all. Whoever still accepts the old leaf has stopped by then, and nobody
// can accept the new one before: within such a period there is one secret.
type Schedule struct {
	Period   uint64 // P: boundaries are its multiples; not 0
	Cooldown uint64 // between the announcement and the out
	Lead     uint64 // window and max_staleness of verifiers: the old leaf is gone so long before the boundary
	Slack    uint64 // how much earlier than needed the out is planned, so that all outs of a period share a batch
	Settle   uint64 // between the boundary and the in: verifiers' clocks differ
}

// OutDue is when the old leaf of a re-key announced at t is to go: the first
// moment common to all re-keys towards one boundary that leaves the cool-down
// whole.
func (s Schedule) OutDue(t uint64) uint64 {
	before := s.Lead + s.Slack
	return multiple(t+s.Cooldown+before, s.Period) - before
}

// Boundary is the boundary of a re-key whose old leaf went at t, early or late.
func (s Schedule) Boundary(t uint64) uint64 { return multiple(t+s.Lead, s.Period) }

// InDue is when the new leaf may come. A boundary fixed under another Period
// moves to the next multiple of this one.
func (s Schedule) InDue(boundary uint64) uint64 { return multiple(boundary, s.Period) + s.Settle }

// multiple gives the first multiple of p at or after t.
func multiple(t, p uint64) uint64 { return (t + p - 1) / p * p }

// ReentryDue is when the template of somebody whose leaf went at t may be
// destroyed: verifiers may take the old leaf until Lead has passed, and the
// published delay counts from there.
func (s Schedule) ReentryDue(t, delay uint64) uint64 { return t + s.Lead + s.Settle + delay }
