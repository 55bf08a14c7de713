// Package issuer lets each person into a set once, and answers for it in
// public.
//
// An enrolment takes three steps. A session gives a nonce. The capture device
// and the wallet both work on that nonce: the device signs a capture envelope
// bound to the wallet's identity commitment, the wallet proves that it holds
// the key behind the commitment. Intake checks both, decides whether the person
// is new, and answers with a signed receipt. The next anchor writes the new
// members, the log entries, the new root and a signed checkpoint, all in one
// transaction, and only then shows them.
//
//	store, err := sqlite.Open("issuer.db")
//	iss, err := issuer.New(ctx, issuer.Config{
//	    Name: "issuer.example/people", Signer: skey, Store: store,
//	    Matcher: matcher, Capture: policy, Operator: secret,
//	    Anchor: 10 * time.Minute, Now: time.Now, Rand: rand.Reader,
//	})
//	go iss.Run(ctx)                            // anchors on time
//	http.Handler: httpapi.New(iss, ...)        // what the world sees
//
// # What it promises
//
//   - Two intakes of one person, or of one commitment: exactly one passes. The
//     match is decided inside the transaction that writes the intake.
//   - Nothing is shown before it is committed, and nothing acknowledged is lost.
//     An error from COMMIT means unknown: the issuer reloads from the store
//     before it writes or signs again, and answers in_doubt. Enrolment is
//     idempotent by session and key, so the caller sends the same request again.
//   - It never signs a tree that is smaller than, or does not extend, the last
//     one it signed. At its start it recomputes set and log from the entries and
//     compares them with the last checkpoint. With Config.Snapshots it takes the
//     set from a snapshot, holds that against the log under the last checkpoint,
//     replays what came after it, and reads the rest beside serving (Verify): a
//     snapshot is never believed over the log.
//   - The commitment is computed from the public key, by two independent
//     implementations that must agree, and never taken from the client.
//
// # How people change secrets and leave
//
// Recover, Veto, Delete, Dismissal and Removal are the ways; docs/life-of-a-person.md
// says what each gives, Schedule when its steps happen. Steps that wait are queued
// in the store by the transaction that wrote the step before, so a crash between
// two of them loses nothing and repeats nothing. Import takes members over from
// another group.
//
// # What it keeps
//
// Leaves, log, receipts. Templates stand sealed under keys derived from the
// operator's secret; so do both directions of the link between a template's
// random serial and its leaf. With the plain matcher the running process holds
// all templates in memory: the metadata say "plain". The envelope's body is not
// kept; its hash stays inside the hiding commitment in the log and in the
// person's own receipt. The salt that opens that commitment is used once and
// never stored.
//
// Refusals are *api.Error with a wire code. Times come from Config.Now,
// randomness from Config.Rand.
package issuer
