// Package backup writes an issuer's database into one file while it serves,
// reads it back into an empty one, checks what is stored, and keeps a restored
// old database from signing a second history.
//
//	err := backup.ToFile(ctx, store, "/backups/people-2026-11-22")   // while it serves
//	report, err := backup.Fsck(ctx, file)                            // is it whole, does it agree with itself
//	err = backup.Restore(ctx, empty, file)                           // SQLite or PostgreSQL
//	cfg.Store = backup.Guard(store, backup.MarkFile("/var/lib/perhuman/people.published"))
//
// # The file
//
// A backup is a logical copy of every table, read at one moment, the same for
// SQLite and PostgreSQL: what one wrote the other restores. Templates and links
// are in it as they are stored, sealed; the keys are not. It ends in the number
// of rows of each table and a SHA-256 over everything before: a file that was cut
// short or changed is refused whole.
//
//	"perhuman/issuer-backup/1\n" | rows | 0x00 | uvarint count of each table | SHA-256
//	row: 1 + number of the table | its columns, as Tables says
//	i: varint    n: 0x00 or 0x01 varint    b, t: uvarint length, bytes
//
// # Old backups
//
// An issuer that goes on from an old backup signs a log that contradicts what the
// world has seen: a fork, which followers and witnesses report and from which
// there is no way back. Guard remembers the newest published checkpoint outside
// the database, and refuses with ErrOld before anything is signed.
package backup
