package issuer

import (
	"bufio"
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

// Snapshots keeps one snapshot of the set: all levels of the tree, so that a
// start hashes and reads only what came after it. It is a cache. Losing it costs
// time, and nothing in it is believed: see restored.
type Snapshots interface {
	// Open gives the snapshot and its length; fs.ErrNotExist if there is none.
	Open() (io.ReadCloser, int64, error)
	// Replace writes a new one in place of the old, whole or not at all.
	Replace(write func(io.Writer) error) error
}

// A snapshot is
//
//	"perhuman/set-snapshot/1" || lp(issuer's name) || u64 log size ||
//	32 bytes, the hash in the newest policy entry || semaphore's group || HMAC-SHA256 of all that
//
// with a key from the operator's secret. semaphore's group ends in its own
// SHA-256.
const snapshotMagic = "perhuman/set-snapshot/1"

// snapshotEvery is after how many new log entries Run writes a snapshot: a start
// replays so many in well under a second.
const snapshotEvery = 20_000

var errSnapshot = errors.New("issuer: not a usable snapshot")

type snapshot struct {
	logSize int64
	policy  [32]byte
	group   *semaphore.Group
}

func snapshotKey(operator []byte) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, operator, nil, "perhuman/at-rest/1 snapshot", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return key, nil
}

func (i *Issuer) snapshotHeader(logSize int64, policy [32]byte) []byte {
	b := append([]byte(snapshotMagic), 0, 0)
	binary.BigEndian.PutUint16(b[len(snapshotMagic):], uint16(len(i.cfg.Name)))
	b = append(b, i.cfg.Name...)
	return append(binary.BigEndian.AppendUint64(b, uint64(logSize)), policy[:]...)
}

// WriteSnapshot keeps the set as it was last published, if snapshots are kept.
// Anchors wait only while it looks at the set, not while it writes.
func (i *Issuer) WriteSnapshot(ctx context.Context) error {
	i.mu.Lock()
	err := i.ready(ctx)
	s := i.shown.Load()
	if err != nil || s == nil || i.cfg.Snapshots == nil {
		i.mu.Unlock()
		return err
	}
	policy, err := i.lastPolicy(ctx)
	if err != nil {
		i.mu.Unlock()
		return coded(err)
	}
	view := i.group.View()
	i.mu.Unlock()
	key, err := snapshotKey(i.cfg.Operator)
	if err != nil {
		return err
	}
	err = i.cfg.Snapshots.Replace(func(w io.Writer) error {
		buffered := bufio.NewWriterSize(w, 1<<16)
		mac := hmac.New(sha256.New, key)
		both := io.MultiWriter(buffered, mac)
		if _, err := both.Write(i.snapshotHeader(s.root.LogSize, policy)); err != nil {
			return err
		}
		if _, err := view.WriteTo(both); err != nil {
			return err
		}
		if _, err := buffered.Write(mac.Sum(nil)); err != nil {
			return err
		}
		return buffered.Flush()
	})
	if err != nil {
		return fmt.Errorf("issuer: write snapshot: %w", err)
	}
	i.snapshotAt.Store(s.root.LogSize)
	return nil
}

// keepSnapshot writes a snapshot when the last one has become old.
func (i *Issuer) keepSnapshot(ctx context.Context, every int64) {
	s := i.shown.Load()
	if i.cfg.Snapshots == nil || s == nil || s.root.LogSize-i.snapshotAt.Load() < every {
		return
	}
	if err := i.WriteSnapshot(ctx); err != nil {
		i.cfg.Logf("%v", err)
	}
}

// readSnapshot reads the file and believes its form only.
func (i *Issuer) readSnapshot() (_ *snapshot, err error) {
	r, size, err := i.cfg.Snapshots.Open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	want := i.snapshotHeader(0, [32]byte{})
	header := make([]byte, len(want))
	if size < int64(len(header)+sha256.Size) {
		return nil, fmt.Errorf("%w: it ends early", errSnapshot)
	}
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	at := len(want) - 8 - 32
	if string(header[:at]) != string(want[:at]) {
		return nil, fmt.Errorf("%w: of another set or version", errSnapshot)
	}
	key, err := snapshotKey(i.cfg.Operator)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(header)
	body := io.TeeReader(io.LimitReader(r, size-int64(len(header)+sha256.Size)), mac)
	s := &snapshot{logSize: int64(binary.BigEndian.Uint64(header[at:])), policy: [32]byte(header[at+8:])}
	if s.group, err = semaphore.ReadGroup(body); err != nil {
		return nil, fmt.Errorf("%w: %w", errSnapshot, err)
	}
	tag := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r, tag); err != nil || !hmac.Equal(tag, mac.Sum(nil)) {
		return nil, fmt.Errorf("%w: not written under this operator's key", errSnapshot)
	}
	return s, nil
}

// restored makes the set from the snapshot and what was logged after it; nil if
// that cannot be, and then the caller rebuilds it from the log. The snapshot is
// held against the log under the last signed checkpoint: the entry at its end
// must be in that log and name the snapshot's root, and replaying the rest must
// lead to the last root. What this does not read is read by Verify.
func (i *Issuer) restored(ctx context.Context, state State) *semaphore.Group {
	if i.cfg.Snapshots == nil || len(state.Roots) == 0 {
		return nil
	}
	s, err := i.readSnapshot()
	if err == nil {
		last := state.Roots[len(state.Roots)-1]
		var group *semaphore.Group
		if group, err = i.continued(ctx, s, last); err == nil {
			i.snapshotAt.Store(s.logSize)
			i.said = policyKnown{s.logSize, s.policy}
			return group
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		i.cfg.Logf("issuer: the snapshot is not used: %v", err)
	}
	return nil
}

func (i *Issuer) continued(ctx context.Context, s *snapshot, last Root) (*semaphore.Group, error) {
	if s.logSize < 1 || s.logSize > last.LogSize {
		return nil, fmt.Errorf("%w: it stands at %d log entries, the database at %d; is this an old backup?", errSnapshot, s.logSize, last.LogSize)
	}
	c, err := i.openCheckpoint(last.Checkpoint)
	if err != nil {
		return nil, err
	}
	read := i.hashes(ctx)
	raw, err := i.cfg.Store.Entries(ctx, s.logSize-1, s.logSize)
	if err != nil {
		return nil, err
	}
	end, err := setlog.ParseEntry(raw[0])
	if err != nil {
		return nil, err
	}
	proof, err := tlog.ProveRecord(c.Size, s.logSize-1, read)
	if err != nil {
		return nil, err
	}
	if err := tlog.CheckRecord(proof, c.Size, c.Hash, s.logSize-1, tlog.RecordHash(end.Record())); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	replay, err := setlog.ResumeReplay(s.group, end, s.logSize)
	if err != nil {
		return nil, err
	}
	if _, err := i.replay(ctx, replay, s.logSize, last.LogSize, read); err != nil {
		return nil, err
	}
	return s.group, i.agrees(last, replay, read)
}

// Verify rebuilds set and log from the entries, as a start without a snapshot
// does, and compares everything that is stored with them. It reads all of the
// database and may run beside everything else; Run calls it once after a start
// from a snapshot. After ErrCorrupt this process signs nothing any more.
func (i *Issuer) Verify(ctx context.Context) error {
	_, _, err := i.rebuilt(ctx)
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrWrongKey) {
		i.fenced.Store(true)
		i.cfg.Logf("issuer: %v; this process signs nothing any more", err)
	}
	return err
}
