package postgres

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Shards is how many logical shards there are, from the first day on: one
// database may hold all of them, and they move to others without a row being
// cut anew.
const Shards = 64

// ShardOf is the shard of a nullifier, a nonce or the digest of an idempotency
// key: the top six bits of its SHA-256, since a prover chooses its scope and so
// has a say in the bits of a nullifier.
func ShardOf(key [32]byte) int {
	h := sha256.Sum256(key[:])
	return int(h[0] >> 2)
}

// Map says which database holds which shards. It is a document that every
// process of a deployment is started with:
//
//	{
//	  "name": "forum.example",
//	  "epoch": 4,
//	  "databases": [
//	    {"dsn": "host=db1,db1b target_session_attrs=read-write dbname=spend", "shards": "0-31"},
//	    {"dsn": "host=db2,db2b target_session_attrs=read-write dbname=spend", "shards": "32-63"}
//	  ]
//	}
//
// A change of it takes a higher epoch. Each database keeps the epoch, and each
// transaction checks it, so that a process with an older map is fenced.
type Map struct {
	Name      string     `json:"name"`  // of the deployment; a database of another name is refused
	Epoch     int64      `json:"epoch"` // from 1
	Databases []Database `json:"databases"`
}

// Database is one database of a Map.
type Database struct {
	DSN    string `json:"dsn"`    // keywords or URL, as libpq takes them
	Shards string `json:"shards"` // such as "0-31" or "0-7,12"
}

// One is the map of a deployment with one database.
func One(dsn, name string) Map {
	return Map{Name: name, Epoch: 1, Databases: []Database{{DSN: dsn, Shards: "0-63"}}}
}

// ParseMap reads the JSON form, strictly, and checks it.
func ParseMap(text []byte) (Map, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var m Map
	if err := d.Decode(&m); err != nil {
		return Map{}, fmt.Errorf("postgres: shard map: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Map{}, errors.New("postgres: shard map: something follows the document")
	}
	if _, err := m.table(); err != nil {
		return Map{}, err
	}
	return m, nil
}

// table gives the index of the database for each shard.
func (m Map) table() (table [Shards]int, err error) {
	if m.Epoch < 1 || m.Name == "" || len(m.Name) > 255 {
		return table, errors.New("postgres: shard map: a name and an epoch from 1 are needed")
	}
	for i := range table {
		table[i] = -1
	}
	for i, d := range m.Databases {
		shards, err := parseShards(d.Shards)
		if err != nil {
			return table, err
		}
		for _, s := range shards {
			if table[s] >= 0 {
				return table, fmt.Errorf("postgres: shard map: shard %d is in two databases", s)
			}
			table[s] = i
		}
	}
	for s, i := range table {
		if i < 0 {
			return table, fmt.Errorf("postgres: shard map: shard %d is nowhere", s)
		}
	}
	return table, nil
}

// parseShards reads "0-7,12": rising, no shard twice.
func parseShards(text string) (shards []int, err error) {
	bad := fmt.Errorf("postgres: shard map: shards %q: want a list such as 0-31,40", text)
	next := 0
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		a, ok := parseShard(from)
		b := a
		if isRange && ok {
			b, ok = parseShard(to)
		}
		if !ok || a < next || b < a {
			return nil, bad
		}
		for s := a; s <= b; s++ {
			shards = append(shards, s)
		}
		next = b + 1
	}
	return shards, nil
}

func parseShard(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0 && n < Shards && strconv.Itoa(n) == text
}
