package postgres

import (
	"strings"
	"testing"

	"github.com/perhuman/perhuman/verifier/storetest"
)

func TestParseMap(t *testing.T) {
	doc := func(databases string) string { return `{"name": "a", "epoch": 4, "databases": [` + databases + `]}` }
	m, err := ParseMap([]byte(doc(`{"dsn": "host=a", "shards": "0-9,20"}, {"dsn": "host=b", "shards": "10-19,21-63"}`)))
	if err != nil {
		t.Fatal(err)
	}
	table, err := m.table()
	if err != nil {
		t.Fatal(err)
	}
	for s, i := range table {
		if want := map[bool]int{true: 0, false: 1}[s < 10 || s == 20]; i != want {
			t.Errorf("shard %d is in database %d", s, i)
		}
	}
	if _, err := One("host=a", "a").table(); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"empty": ``, "no database": doc(``), "a shard missing": doc(`{"dsn": "", "shards": "0-62"}`),
		"a shard twice": doc(`{"dsn": "", "shards": "0-63"}, {"dsn": "", "shards": "5"}`), "falling": doc(`{"dsn": "", "shards": "32-63,0-31"}`),
		"out of range": doc(`{"dsn": "", "shards": "0-64"}`), "signs": doc(`{"dsn": "", "shards": "0-+63"}`), "zeros": doc(`{"dsn": "", "shards": "00-63"}`),
		"spaces": doc(`{"dsn": "", "shards": "0-31, 32-63"}`), "backwards": doc(`{"dsn": "", "shards": "63-0"}`), "nothing": doc(`{"dsn": "", "shards": ""}`),
		"unknown field": doc(`{"dsn": "", "shards": "0-63", "weight": 1}`), "more behind": doc(`{"dsn": "", "shards": "0-63"}`) + `{}`,
		"epoch 0": strings.Replace(doc(`{"dsn": "", "shards": "0-63"}`), `4`, `0`, 1), "no name": strings.Replace(doc(`{"dsn": "", "shards": "0-63"}`), `"a"`, `""`, 1),
	} {
		if _, err := ParseMap([]byte(text)); err == nil {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// A row never changes its shard: these are frozen.
func TestShardOf(t *testing.T) {
	for key, want := range map[[32]byte]int{{}: 25, {31: 1}: 59, {0: 1}: 0} {
		if got := ShardOf(key); got != want {
			t.Errorf("%x is in shard %d, want %d", key, got, want)
		}
	}
	counts := [Shards]int{}
	const n = 64_000
	for i := range n {
		counts[ShardOf(storetest.NewAct(1, uint64(i)).Nonce)]++
	}
	for s, c := range counts {
		if c < n/Shards*8/10 || c > n/Shards*12/10 {
			t.Errorf("shard %d has %d of %d keys", s, c, n)
		}
	}
}
