package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perhuman/perhuman/sdk/api"
)

func TestPostsKeepAndRepeat(t *testing.T) {
	ctx, path := context.Background(), filepath.Join(t.TempDir(), "board.db")
	p, err := openPosts(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.seed(ctx, 1000000); err != nil {
		t.Fatal(err)
	}
	a, err := p.add(ctx, boardPost{Author: "ada", Text: "'); DROP TABLE posts; --"}, "v1", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := p.add(ctx, boardPost{Author: "ada", Text: "x"}, "v1", []byte(`{}`)); err != nil || b != a {
		t.Errorf("the same verification stored twice: %d and %d, %v", a, b, err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	if p, err = openPosts(ctx, path); err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if err := p.seed(ctx, 1000000); err != nil {
		t.Fatal(err)
	}
	all, err := p.list(ctx, 10)
	if err != nil || len(all) != 4 || all[0].Text != "'); DROP TABLE posts; --" || !all[0].Verified || all[1].Verified || !all[1].Seed {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := p.bundle(ctx, a); err != nil {
		t.Error(err)
	}
	for _, id := range []int64{0, 1, -5, 999} {
		if _, err := p.bundle(ctx, id); api.CodeOf(err) != api.NotFound {
			t.Errorf("bundle %d: %v", id, err)
		}
	}
}

func TestPortIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "var")
	first := config{dir: dir, port: 18234}
	l, err := first.open()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	again := config{dir: dir}
	if err := again.settlePort(); err != nil || again.port != 18234 {
		t.Errorf("port %d, %v", again.port, err)
	}
	other := config{dir: dir, port: 18235}
	if err := other.settlePort(); err == nil {
		t.Error("another port was taken silently")
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := config{dir: filepath.Join(t.TempDir(), "var"), port: taken.Addr().(*net.TCPAddr).Port}
	if _, err := busy.open(); err == nil || !strings.Contains(err.Error(), "busy") {
		t.Errorf("a busy port: %v", err)
	}
	if free := (config{dir: busy.dir, port: 18236}); free.settlePort() != nil {
		t.Error("a start that failed has fixed the port")
	}
}

// Two hundred posts are read a page at a time, each once, and a busy post shows
// its newest comments and says how many are left out.
func TestPagesOfPosts(t *testing.T) {
	ctx := t.Context()
	p, err := openPosts(ctx, filepath.Join(t.TempDir(), "board.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if err := p.seed(ctx, 1000000); err != nil {
		t.Fatal(err)
	}
	for n := range 200 {
		if _, err := p.add(ctx, boardPost{Author: "ada", Text: "x", Created: uint64(n)}, fmt.Sprint("v", n), nil); err != nil {
			t.Fatal(err)
		}
	}
	for n := range commentsShown + 7 {
		if _, err := p.addComment(ctx, 203, comment{Author: "ben", Text: fmt.Sprint(n)}, fmt.Sprint("c", n)); err != nil {
			t.Fatal(err)
		}
	}
	seen, before, pages := map[int64]bool{}, int64(0), 0
	for {
		all, older, err := p.page(ctx, before, postsShown)
		if err != nil {
			t.Fatal(err)
		}
		if pages == 0 {
			if c := all[0].Comments; all[0].ID != 203 || len(c) != commentsShown || all[0].Earlier != 7 || c[0].Text != "7" || c[len(c)-1].Text != fmt.Sprint(commentsShown+6) {
				t.Errorf("the newest: %+v", all[0])
			}
			if all[1].Comments != nil || all[1].Earlier != 0 {
				t.Errorf("%+v", all[1])
			}
		}
		for _, post := range all {
			if seen[post.ID] {
				t.Errorf("post %d twice", post.ID)
			}
			seen[post.ID] = true
		}
		pages++
		if before = older; older == 0 {
			if last := all[len(all)-1]; !last.Seed {
				t.Errorf("the demo's own come last, not %+v", last)
			}
			break
		}
	}
	if len(seen) != 203 || pages != (203+postsShown-1)/postsShown {
		t.Errorf("%d posts on %d pages", len(seen), pages)
	}
	for _, before := range []int64{-1, 999} {
		if all, older, err := p.page(ctx, before, 10); err != nil || len(all) != 0 || older != 0 {
			t.Errorf("before %d: %d posts, %d, %v", before, len(all), older, err)
		}
	}
}
