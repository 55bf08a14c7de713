package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/verifier"
	"github.com/perhuman/perhuman/verifier/storetest"
)

// The procedure of docs/storage.md: half of a database moves to another, and
// every nullifier, nonce and key is still spent.
func TestMovingShards(t *testing.T) {
	m := one(t)
	s := mustOpen(t, m, Options{}, faults{})
	var acts []verifier.Act
	for i := range 100 {
		a := storetest.NewAct(1, uint64(i))
		a.Credential, a.Key = "app", string(a.Nonce[:])
		acts = append(acts, a)
		if out, err := s.Spend(t.Context(), a); err != nil || out.Result != verifier.Accepted {
			t.Fatalf("%+v %v", out, err)
		}
	}
	old := dial(t, m.Databases[0].DSN)

	var n int
	for _, a := range acts {
		var shard int
		if err := old.QueryRow(t.Context(), "SELECT get_byte(sha256(nullifier), 0) >> 2 FROM nullifiers WHERE nullifier = $1", a.Nullifier[:]).Scan(&shard); err != nil {
			t.Fatal(err)
		}
		if shard != ShardOf([32]byte(a.Nullifier)) {
			t.Fatalf("shard %d in SQL, %d in Go", shard, ShardOf([32]byte(a.Nullifier)))
		}
		if shard >= 16 {
			n++
		}
	}

	next := Map{Name: m.Name, Epoch: 2, Databases: []Database{{m.Databases[0].DSN, "0-15"}, {shared.Schema(t), "16-63"}}}
	mustExec(t, old, "UPDATE deployment SET epoch = 2, shards = '0-15' WHERE id = 1")
	if _, err := s.Spend(t.Context(), storetest.NewAct(2, 1)); err == nil {
		t.Fatal("the old map still writes")
	}
	// The copy: here by statements, within one cluster.
	_, from, _ := strings.Cut(m.Databases[0].DSN, "search_path=")
	copied := dial(t, next.Databases[1].DSN)
	mustExec(t, copied, createVersions)
	for i, createStep := range migrations {
		mustExec(t, copied, createStep)
		mustExec(t, copied, sqlClaimVersion, i+1, 1)
	}
	for _, table := range []string{"deployment", "nonces", "idempotency_keys", "nullifiers"} {
		mustExec(t, copied, "INSERT INTO "+table+" SELECT * FROM "+pgx.Identifier{from, table}.Sanitize())
	}
	mustExec(t, copied, "UPDATE deployment SET shards = '16-63' WHERE id = 1")

	moved := mustOpen(t, next, Options{}, faults{})
	tag, err := old.Exec(t.Context(), "DELETE FROM nullifiers WHERE get_byte(sha256(nullifier), 0) >> 2 BETWEEN 16 AND 63")
	if err != nil || int(tag.RowsAffected()) != n {
		t.Fatalf("%d rows moved, want %d: %v", tag.RowsAffected(), n, err)
	}
	for i, a := range acts {
		if out, err := moved.Spend(t.Context(), a); err != nil || !out.Replayed || out.Result != verifier.Accepted {
			t.Fatalf("a repeat: %+v %v", out, err)
		}
		a.Nonce, a.Key = storetest.NewAct(3, uint64(i)).Nonce, ""
		if out, err := moved.Spend(t.Context(), a); err != nil || out.Result != verifier.NullifierUsed {
			t.Fatalf("a rival: %+v %v", out, err)
		}
	}
}
