package main

import (
	"context"

	"github.com/perhuman/perhuman/sdk/api"
)

// Ballots are kept beside the posts: the records of each poll's log in order,
// each known by its verification, so that a repeated request is stored once.
const ballotsSchema = `
CREATE TABLE IF NOT EXISTS ballots (
	poll    INTEGER NOT NULL,
	entry   INTEGER NOT NULL,
	record  BLOB NOT NULL,
	receipt TEXT UNIQUE,
	PRIMARY KEY (poll, entry)
) STRICT`

// addRecord stores the next entry of a poll.
func (p *posts) addRecord(ctx context.Context, poll, entry int, record []byte, verification string) error {
	var receipt any
	if verification != "" {
		receipt = verification
	}
	if _, err := p.db.ExecContext(ctx, `INSERT INTO ballots (poll, entry, record, receipt) VALUES (?, ?, ?, ?)`, poll, entry, record, receipt); err != nil {
		return api.Wrap(api.StoreUnavailable, err)
	}
	return nil
}

// voted reports whether a verification has become a ballot.
func (p *posts) voted(ctx context.Context, verification string) (bool, error) {
	var n int
	if err := p.db.QueryRowContext(ctx, `SELECT count(*) FROM ballots WHERE receipt = ?`, verification).Scan(&n); err != nil {
		return false, api.Wrap(api.StoreUnavailable, err)
	}
	return n > 0, nil
}

// records gives the entries of all polls.
func (p *posts) records(ctx context.Context) (map[int][][]byte, error) {
	rows, err := p.db.QueryContext(ctx, `SELECT poll, record FROM ballots ORDER BY poll, entry`)
	if err != nil {
		return nil, api.Wrap(api.StoreUnavailable, err)
	}
	defer rows.Close()
	all := map[int][][]byte{}
	for rows.Next() {
		var n int
		var record []byte
		if err := rows.Scan(&n, &record); err != nil {
			return nil, api.Wrap(api.StoreUnavailable, err)
		}
		all[n] = append(all[n], record)
	}
	if err := rows.Err(); err != nil {
		return nil, api.Wrap(api.StoreUnavailable, err)
	}
	return all, nil
}
