package main

import (
	"context"
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
