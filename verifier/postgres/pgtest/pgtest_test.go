package pgtest_test

import (
	"testing"

	"github.com/perhuman/perhuman/verifier/postgres/pgtest"
)

func TestClusterComesAndGoes(t *testing.T) {
	c := pgtest.Start(t, "fsync=off")
	if v := c.Ask(t, "SELECT count(*)::text FROM pg_settings WHERE name = 'listen_addresses' AND setting = ''"); v != "1" {
		t.Error("the server listens on TCP")
	}
	if a, b := c.Schema(t), c.Schema(t); a == b {
		t.Error("two schemas have one name")
	}
	c.Stop()
	c.Stop()
}
