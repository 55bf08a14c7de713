// Package report measures how well iris codes tell people apart: it compares
// the captures of a labelled set with one another, and gives distance
// histograms, false match and false non-match rates with intervals, and the
// degrees of freedom.
//
//	r, err := report.New(ctx, captures, report.Options{})
//	r.WriteText(os.Stdout)
//	os.WriteFile("distances.svg", r.DistancesSVG(), 0o644)
//
// # What is compared
//
// Genuine pairs are all pairs of captures of one person, impostor pairs the
// first captures of two people; captures below the quality gate are counted and
// left out, as the issuer refuses them. Every pair is compared as the plain
// matcher does: both eyes, 31 rotations, upright and mirrored. FMR is the share
// of impostor pairs that match, FNMR the share of genuine pairs that do not,
// once for one eye alone, upright, and once for the person rule of package iris
// with T moved and T1 fixed.
//
// # What the intervals say
//
// They are Wilson's 95 % score intervals (Wilson 1927) of a share of independent
// trials. Pairs that have a person in common are not independent, so the true
// uncertainty is larger, and no set says anything about rates far below one over
// its number of pairs: a set of 1,000 people has 500,000 impostor pairs, an
// issuer of a million compares each newcomer a million times. The degrees of
// freedom say how the law goes on, if the tail is binomial: they follow from
// the unrotated distances of impostors as mean*(1-mean)/variance (Daugman 2003,
// "The importance of being random").
//
// Distances identify nobody, but the list of the nearest impostors names people
// of the set: it is there to find mistaken labels and enrolments of one person
// under two names.
package report
