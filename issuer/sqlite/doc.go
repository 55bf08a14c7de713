// Package sqlite keeps an issuer's set, log, inbox and sealed templates in one
// SQLite file.
//
//	store, err := sqlite.Open("issuer.db")
//	iss, err := issuer.New(ctx, issuer.Config{Store: store, ...})
//	defer store.Close()
//
// The file runs in WAL mode with synchronous=FULL: an act that was answered
// survives a power cut as far as the disk keeps its promises. There is one
// writing connection, whose transactions begin IMMEDIATE, and a pool of readers
// that cannot write. The file has mode 0600.
//
// A database has one writing process. Open takes a lock on <file>.lock and
// refuses with issuer.ErrLocked when another process holds it; should that lock
// be lost (some network file systems), the writer number in the database fences
// the older process off with issuer.ErrFenced, and PRIMARY KEY (set_id, seq)
// makes two histories impossible in any case.
//
// When COMMIT returns an error the outcome is unknown: the act returns
// issuer.ErrInDoubt and the connection is thrown away. All times are those the
// caller hands in; the package never asks for one.
package sqlite
