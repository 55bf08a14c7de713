package setlog_test

import (
	"testing"
	"time"

	"github.com/perhuman/perhuman/semaphore/setlog"
)

func TestFollowerFollows(t *testing.T) {
	is := newIssuer(t, "issuer.example/people")
	is.anchor(1000, []string{"a", "b"})
	f, err := setlog.NewFollower(setlog.FollowerConfig{VKey: is.vkey})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1001, 0)
	if err := f.Update(is.head(1000), now, is.fetch); err != nil {
		t.Fatal(err)
	}
	info, err := f.Root(is.group.Root(), now)
	if err != nil || !info.Current || info.Seq != 1 || info.Live != 2 {
		t.Fatalf("%+v, %v", info, err)
	}
}
