package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"

	"github.com/perhuman/perhuman/sdk/api"
)

// boardPost is a post as the board lists it. Verified posts carry a bundle
// that proves them to anybody.
type boardPost struct {
	ID       int64  `json:"id"`
	Author   string `json:"author"`
	Text     string `json:"text"`
	Created  uint64 `json:"created"`
	Verified bool   `json:"verified"`
	Seed     bool   `json:"seed"` // written by the demo itself

	Comments []comment `json:"comments,omitempty"` // the newest, oldest first
	Earlier  int       `json:"earlier,omitempty"`  // comments before those
}

// posts is the board's own store: what any app would have anyway.
type posts struct{ db *sql.DB }

const postsSchema = `
CREATE TABLE IF NOT EXISTS posts (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	author  TEXT NOT NULL,
	text    TEXT NOT NULL,
	created INTEGER NOT NULL,
	seed    INTEGER NOT NULL,
	receipt TEXT UNIQUE,
	bundle  BLOB
) STRICT`

func openPosts(ctx context.Context, path string) (*posts, error) {
	if err := private(path); err != nil {
		return nil, fmt.Errorf("board: %w", err)
	}
	// mode=rw: a file that goes missing while we run is not made anew, empty.
	u := url.URL{Scheme: "file", Opaque: url.PathEscape(path), RawQuery: "mode=rw&_journal_mode=WAL&_synchronous=FULL&_busy_timeout=5000&_txlock=immediate"}
	db, err := sql.Open("sqlite3", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, postsSchema+";"+ballotsSchema+";"+commentsSchema); err != nil {
		return nil, errors.Join(fmt.Errorf("board: %w", err), db.Close())
	}
	return &posts{db: db}, nil
}

func (p *posts) close() error { return p.db.Close() }

// private creates the file when it is missing, and closes it to other users;
// SQLite gives its journal files the same mode.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// stored finds the post that a verification became; 0 if there is none.
func (p *posts) stored(ctx context.Context, verification string) (id int64, err error) {
	err = p.db.QueryRowContext(ctx, `SELECT id FROM posts WHERE receipt = ?`, verification).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, api.Wrap(api.StoreUnavailable, err)
	}
	return id, nil
}

// add stores a post. A verified post is known by its verification id: storing
// it twice gives the first row, so that a client may safely repeat a request.
func (p *posts) add(ctx context.Context, post boardPost, verification string, bundle []byte) (int64, error) {
	var receipt sql.NullString
	if verification != "" {
		receipt = sql.NullString{String: verification, Valid: true}
	}
	var id int64
	err := p.db.QueryRowContext(ctx,
		`INSERT INTO posts (author, text, created, seed, receipt, bundle) VALUES (?, ?, ?, ?, ?, ?)
		 ON CONFLICT (receipt) DO UPDATE SET receipt = excluded.receipt RETURNING id`,
		post.Author, post.Text, int64(post.Created), post.Seed, receipt, bundle).Scan(&id)
	if err != nil {
		return 0, api.Wrap(api.StoreUnavailable, err)
	}
	return id, nil
}

// list gives the newest posts first; those of the demo itself stand below what
// visitors wrote.
func (p *posts) list(ctx context.Context, limit int) ([]boardPost, error) {
	all, _, err := p.page(ctx, 0, limit)
	return all, err
}

// page is list from the post after the one with this number on; 0 is the
// beginning. older is where the next page begins, 0 if there is none.
func (p *posts) page(ctx context.Context, before int64, limit int) (all []boardPost, older int64, err error) {
	if all, err = p.rows(ctx, before, limit+1); err != nil {
		return nil, 0, err
	}
	more := len(all) > limit
	if more {
		all = all[:limit]
	}
	if err := p.withComments(ctx, all); err != nil {
		return nil, 0, err
	}
	if n := fitting(all); n < len(all) {
		all, more = all[:n], true
	}
	if more {
		older = all[len(all)-1].ID
	}
	return all, older, nil
}

// pageBytes is the most that a page of the feed holds: it goes out twice, to be
// read without a script and to one, and beside the rest of the board it has to
// stay below 150 KB even where nothing of it can be compressed.
const pageBytes = 40_000

// fitting is how many of these posts, the first in any case, fit on a page.
func fitting(all []boardPost) int {
	size := 0
	for n, b := range all {
		size += len(b.Author) + len(b.Text) + 100
		for _, c := range b.Comments {
			size += len(c.Author) + len(c.Text) + len(c.Agent) + 50
		}
		if size > pageBytes && n > 0 {
			return n
		}
	}
	return len(all)
}

func (p *posts) rows(ctx context.Context, before int64, limit int) ([]boardPost, error) {
	rows, err := p.db.QueryContext(ctx,
		`SELECT id, author, text, created, seed, bundle IS NOT NULL FROM posts
		 WHERE ?1 = 0 OR (seed, -id) > (SELECT seed, -id FROM posts WHERE id = ?1) ORDER BY seed, id DESC LIMIT ?2`, before, limit)
	if err != nil {
		return nil, api.Wrap(api.StoreUnavailable, err)
	}
	defer rows.Close()
	all := []boardPost{}
	for rows.Next() {
		var b boardPost
		if err := rows.Scan(&b.ID, &b.Author, &b.Text, &b.Created, &b.Seed, &b.Verified); err != nil {
			return nil, api.Wrap(api.StoreUnavailable, err)
		}
		all = append(all, b)
	}
	if err := rows.Err(); err != nil {
		return nil, api.Wrap(api.StoreUnavailable, err)
	}
	return all, nil
}

// bundle gives the proof bundle of one post.
func (p *posts) bundle(ctx context.Context, id int64) (json.RawMessage, error) {
	var b []byte
	err := p.db.QueryRowContext(ctx, `SELECT bundle FROM posts WHERE id = ? AND bundle IS NOT NULL`, id).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, api.Errorf(api.NotFound, "no verified post has this number")
	}
	if err != nil {
		return nil, api.Wrap(api.StoreUnavailable, err)
	}
	return b, nil
}

// seed fills an empty board, so that a first visitor sees what it is about.
func (p *posts) seed(ctx context.Context, now uint64) error {
	have, err := p.list(ctx, 1)
	if err != nil || len(have) > 0 {
		return err
	}
	for i, s := range []struct{ author, text string }{
		{"deal-finder-88", "CONGRATULATIONS!!! You have been selected. Claim your prize in the next 10 minutes, link in my profile."},
		{"honest_reviewer", "I bought twelve of these blenders and all twelve changed my life. Five stars. (Posted from 40 accounts.)"},
		{"agora", "A post here can carry a proof that one human wrote it, and nothing else about them. This one and those below have no such proof: nobody knows whether a person, a script or a thousand scripts wrote them."},
	} {
		if _, err := p.add(ctx, boardPost{Author: s.author, Text: s.text, Created: now - uint64(600*(3-i)), Seed: true}, "", nil); err != nil {
			return err
		}
	}
	return nil
}
