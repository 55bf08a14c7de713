// Package party is one of the three machines of the private matcher: what it
// keeps in its folder, the service it runs, and the client with which the issuer
// drives it.
//
//	f, err := party.OpenFolder("/var/lib/party", group)       // one process at a time
//	s := party.NewServer(f, party.Options{Now: time.Now, Rand: rand.Reader, Timeout: time.Minute})
//	err = s.Serve(ctx, listener)
//
//	c := party.NewClient(group, 0, issuerKey, nil)             // at the issuer
//	err = c.Begin(ctx, serial, place, envelope)                // shares are on the disk
//
// # Who talks to whom
//
// A Group is a public file that all three and the issuer have alike: addresses
// and keys of the three, the key of the issuer, the issuer's name, what is
// compared, and the roots of the capture devices. Every connection is mutual TLS
// 1.3 with the keys of that file (package wire). A party dials the next one, and
// answers the one before and the issuer. Who has another group is refused.
//
// # What a party believes
//
// A capture comes whole, as the device signed it. The party verifies the device's
// chain and signature itself, and opens its own shares; those of the others are
// ciphertext to it. So an issuer's machine that somebody took over cannot ask
// about templates that no device captured.
//
// # The folder
//
//	secret      32 random bytes, from which the party's keys are derived
//	mark        query numbers that may have been used (mpc.Mark)
//	roll        whose place is which (mpc.Roll)
//	shares.N    the shares of epoch N (Shares); for the time of a refresh also those
//	            of N+1, as shares.N+1.kept until all three have theirs (refresh.go)
//	lock        held by the process that has the folder open
//
// Shares are on the disk before the roll says that somebody is pending, and the
// roll before the issuer is answered. A crash between the two leaves shares that
// nobody refers to, which the next person overwrites. What was deleted is
// overwritten before the receipt is signed; if a crash comes between, the next
// start does it. A folder that was copied and set back repeats no masks (the
// counter is only one part of what makes them, see package mpc), but it has lost
// people: the rolls of the three differ then, and nobody computes.
package party
