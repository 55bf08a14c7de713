// Package postgres keeps an issuer's set, log, inbox and sealed templates in
// PostgreSQL.
//
//	store, err := postgres.Open(ctx, dsn, postgres.Options{RequireStandby: true})
//	iss, err := issuer.New(ctx, issuer.Config{Store: store, ...})
//	defer store.Close()
//
// The connection's search_path says which schema holds the set; one schema, one
// set. Open brings it up to date.
//
// # One writer
//
// The row of table binding has a writer number. Bind raises it, and every
// transaction begins by writing that row and comparing the number: acts wait for
// one another there, and a process that was replaced gets issuer.ErrFenced and
// signs nothing any more. PRIMARY KEY (set_id, seq) makes two histories
// impossible in any case. There is no lock to be left behind by a process that
// died: whoever binds last has the set.
//
// # In doubt
//
// From the moment COMMIT was sent an error leaves the act in doubt
// (issuer.ErrInDoubt), and so does a COMMIT that came back with a warning: a
// server that is told to stop waiting for its synchronous standby reports success
// and says only in a warning that the standby may not have the rows. As every act
// writes a row, also one that only repeats an answer, no answer comes from rows
// that a standby may not have.
//
// Serialisation failures and deadlocks are tried again as long as nothing has
// been decided or signed for the act; after that, and when the row of the writer
// does not come free in time, the act returns issuer.ErrBusy and has done nothing.
//
// The SQL is the subset that CockroachDB and YugabyteDB also take: no LISTEN, no
// advisory locks, no triggers, no sequences, ids and times made by the issuer.
// docs/issuer-storage.md is the operator's side.
package postgres
