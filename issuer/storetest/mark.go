package storetest

import (
	"context"

	"github.com/perhuman/perhuman/issuer/backup"
)

// brokenMark is a mark on a disk that fails for a while.
type brokenMark struct {
	backup.Mark
	broken bool
	fired  int
}

func (m *brokenMark) Save(ctx context.Context, checkpoint []byte) error {
	if m.broken {
		m.fired++
		return errInjected
	}
	return m.Mark.Save(ctx, checkpoint)
}
