// Package private puts the three-party matcher behind issuer.Matcher: a person is
// compared with everybody while no machine, this one included, holds a template.
//
//	clients := ... party.NewClient(group, i, linkKey) for i = 0, 1, 2
//	m, err := private.New(private.Config{Group: group, Parties: clients, Rand: rand.Reader, Timeout: time.Minute})
//	iss, err := issuer.New(ctx, issuer.Config{Matcher: m, ...})
//
// # Where an enrolment is
//
// Prepare gives the person a fresh serial, makes it pending at all three parties,
// runs the input checks and the comparison, and keeps the one bit. The issuer
// writes its intake and, sealed with it, that serial; then the parties are told
// to commit. So a person is in all three and the set, or in none: what a crash
// leaves pending is committed when the issuer's gallery has it and freed when it
// has not, before anybody else is compared; while a COMMIT is in doubt, it is
// left alone. Nobody is answered "new" unless all three parties said so.
//
// Since a capture is compared with everybody at a lower place, pending people
// included, two captures of one person cannot both pass, whether they come
// together, at two issuers' processes, or one in a crash; a retry is a new
// capture. If the earlier one of two then fails for another reason, the later one
// has been refused all the same, and that person tries again.
//
// # Several at once
//
// Comparisons of many people against the gallery cost less together: those who
// come while one runs are compared in one batch of up to 64.
//
// # When a party is away
//
// Enrolment answers that the matcher is unavailable; set, log, proofs and
// verification do not notice: nothing waits for a party but enrolments, recoveries
// and the destruction of shares, which is not done before three have signed. Parties whose rolls went apart, because a message
// reached two of three, are brought together at the next attempt: places that one
// lacks are filled with nobody.
package private
