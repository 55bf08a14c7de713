//go:build !amd64 || purego

package iris

func bestTier() tier { return pureGo }

// kernel is never reached: no query has another tier than pureGo here.
func (q *Query) kernel(_, _, _, _ Template, _ int, _ *counts) { panic("iris: no kernel") }
