package main

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/perhuman/perhuman/sdk"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/sdk/serve"
	"github.com/perhuman/perhuman/semaphore/scope"
)

const (
	actionComment  = "comment"  // ten comments a day for each human, under all posts together
	actionClaim    = "giveaway" // once for ever
	commentsPerDay = 10
	commentsShown  = 20      // under each post, the newest
	maxComment     = 500     // bytes
	maxRemark      = 1 << 12 // bytes of a request's body
)

const commentsSchema = `
CREATE TABLE IF NOT EXISTS comments (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	post    INTEGER NOT NULL REFERENCES posts (id),
	author  TEXT NOT NULL,
	text    TEXT NOT NULL,
	created INTEGER NOT NULL,
	agent   TEXT,
	receipt TEXT UNIQUE
) STRICT;
CREATE INDEX IF NOT EXISTS comments_post ON comments (post)`

// comment is a few words under a post, by a person or by their agent.
type comment struct {
	ID      int64  `json:"id"`
	Author  string `json:"author"`
	Text    string `json:"text"`
	Created uint64 `json:"created"`
	Agent   string `json:"agent,omitempty"` // its name, if a program wrote it
}

// addComment stores one; the same receipt again changes nothing.
func (p *posts) addComment(ctx context.Context, post int64, c comment, receipt string) (fresh bool, err error) {
	if err := p.exists(ctx, post); err != nil {
		return false, err
	}
	r, err := p.db.ExecContext(ctx, `INSERT INTO comments (post, author, text, created, agent, receipt) VALUES (?, ?, ?, ?, NULLIF(?, ''), ?) ON CONFLICT (receipt) DO NOTHING`,
		post, c.Author, c.Text, int64(c.Created), c.Agent, receipt)
	if err != nil {
		return false, api.Wrap(api.StoreUnavailable, err)
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// exists refuses numbers that no post has.
func (p *posts) exists(ctx context.Context, post int64) error {
	var known int
	if err := p.db.QueryRowContext(ctx, `SELECT count(*) FROM posts WHERE id = ?`, post).Scan(&known); err != nil {
		return api.Wrap(api.StoreUnavailable, err)
	}
	if known == 0 {
		return api.Errorf(api.NotFound, "no post has this number")
	}
	return nil
}

// withComments puts the newest comments under each of these posts.
func (p *posts) withComments(ctx context.Context, all []boardPost) error {
	at := map[int64]*boardPost{}
	ids := []int64{}
	for i := range all {
		at[all[i].ID] = &all[i]
		ids = append(ids, all[i].ID)
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	rows, err := p.db.QueryContext(ctx, `SELECT post, id, author, text, created, coalesce(agent, ''), total - ?1 FROM (
		SELECT *, row_number() OVER (PARTITION BY post ORDER BY id DESC) AS place, count(*) OVER (PARTITION BY post) AS total
		FROM comments WHERE post IN (SELECT value FROM json_each(?2))) WHERE place <= ?1 ORDER BY id`, commentsShown, string(list))
	if err != nil {
		return api.Wrap(api.StoreUnavailable, err)
	}
	defer rows.Close()
	for rows.Next() {
		var post int64
		var c comment
		var earlier int
		if err := rows.Scan(&post, &c.ID, &c.Author, &c.Text, &c.Created, &c.Agent, &earlier); err != nil {
			return api.Wrap(api.StoreUnavailable, err)
		}
		at[post].Comments, at[post].Earlier = append(at[post].Comments, c), max(earlier, 0)
	}
	if err := rows.Err(); err != nil {
		return api.Wrap(api.StoreUnavailable, err)
	}
	return nil
}

// remark is what comes in: a comment and where it goes.
type remark struct {
	Post    int64  `json:"post"`
	Author  string `json:"author"`
	Text    string `json:"text"`
	Created uint64 `json:"created"`
}

func readRemark(r *http.Request, body []byte) (remark, error) {
	var in remark
	if err := serve.CheckMediaType(r, "application/json"); err != nil {
		return in, err
	}
	if err := api.Decode(body, &in); err != nil {
		return in, err
	}
	if !readable(in.Text) || len(in.Text) > maxComment {
		return in, api.Errorf(api.MalformedRequest, "a comment has words, in %d bytes at most", maxComment)
	}
	if !isName(in.Author) {
		return in, api.Errorf(api.MalformedRequest, "an author is one line, in %d bytes at most", maxName)
	}
	if age := time.Since(time.Unix(int64(in.Created), 0)); in.Created > 1<<40 || age > clockLeeway || age < -clockLeeway {
		return in, api.Errorf(api.MalformedRequest, "created is not now")
	}
	return in, nil
}

// bound is what a comment's proof is about: the wallet shows it as it shows a
// post, so the place is in the words.
func (in remark) bound(rp string) scope.Post {
	return scope.Post{RP: rp, Author: in.Author, Created: in.Created, Text: "To post " + strconv.FormatInt(in.Post, 10) + ": " + in.Text}
}

func (w *world) remarkDigest(r *http.Request, body []byte) (scope.Digest, error) {
	in, err := readRemark(r, body)
	if err != nil {
		return scope.Digest{}, err
	}
	if err := w.posts.exists(r.Context(), in.Post); err != nil { // before a proof is spent on it
		return scope.Digest{}, err
	}
	return in.bound(w.cfg.rp()).Digest()
}

func (w *world) remark(rw http.ResponseWriter, r *http.Request) {
	who := sdk.PersonFrom(r.Context())
	fresh, err := w.storeRemark(r, "", who.Verdict.VerificationID)
	if err != nil {
		w.problem(rw, r, err)
		return
	}
	if who.Verdict.Replayed && !fresh { // else we died between the proof's spending and here
		w.gate.RefuseReplay(rw, r)
		return
	}
	serve.WriteJSON(rw, http.StatusCreated, map[string]any{"code": api.OK})
}

// storeRemark keeps a comment. One by an agent stands under the name that its
// person gave it in the grant, whatever it calls itself.
func (w *world) storeRemark(r *http.Request, agent, receipt string) (fresh bool, err error) {
	body, err := serve.ReadBody(nil, r, maxRemark)
	if err != nil {
		return false, err
	}
	in, err := readRemark(r, body)
	if err != nil {
		return false, err
	}
	return w.posts.addComment(r.Context(), in.Post, comment{Author: cmp.Or(agent, in.Author), Text: in.Text, Created: in.Created, Agent: agent}, receipt)
}

// claim gives each human one voucher. It is computed from the nullifier, so an
// accepted request sent again gets the same one and not another.
func (w *world) claim(rw http.ResponseWriter, r *http.Request) {
	who := sdk.PersonFrom(r.Context())
	mac := hmac.New(sha256.New, w.vouchers)
	mac.Write([]byte(who.Nullifier))
	text := base32.StdEncoding.EncodeToString(mac.Sum(nil)[:10])
	serve.WriteJSON(rw, http.StatusOK, map[string]any{"code": api.OK, "voucher": fmt.Sprintf("AGORA-%s-%s", text[:8], text[8:]), "again": who.Verdict.Replayed})
}
