package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const (
	sqlLiveAt        = `SELECT idx FROM members WHERE set_id = $1 AND commitment = $2 AND removed_seq IS NULL`
	sqlAboutToGo     = `SELECT EXISTS (SELECT 1 FROM pending WHERE set_id = $1 AND op = 2 AND commitment = $2)`
	sqlUnderRecovery = `SELECT EXISTS (SELECT 1 FROM recoveries WHERE set_id = $1 AND old = $2 AND state IN ('waiting', 'announced', 'out'))`

	sqlInsertRecovery = `INSERT INTO recoveries (set_id, id, commitment, biometric, link, old, idx, state, announced, out_at, boundary, due)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', 0, 0, 0, 0)`
	sqlRecoveryByID = `SELECT r.id, i.session, i.received, r.commitment, r.biometric, r.link, r.old, r.idx, r.state, r.announced, coalesce(r.record, 0), r.out_at, r.boundary, r.due
		FROM recoveries AS r JOIN intakes AS i ON i.id = r.id WHERE r.set_id = $1 AND r.id = $2`
	sqlRecoveryByRecord = `SELECT r.id, i.session, i.received, r.commitment, r.biometric, r.link, r.old, r.idx, r.state, r.announced, coalesce(r.record, 0), r.out_at, r.boundary, r.due
		FROM recoveries AS r JOIN intakes AS i ON i.id = r.id WHERE r.set_id = $1 AND r.record = $2`
	sqlRecoveryOf = `SELECT id FROM recoveries WHERE set_id = $1 AND old = $2 AND idx = $3 AND state IN ('waiting', 'announced', 'out')`

	// What ends a recovery, well or not, makes it forget the old leaf; one that
	// came to its end keeps nothing that leads there.
	sqlCompleteRecovery = `UPDATE recoveries SET state = 'committed', old = ''::BYTEA, idx = 0, link = ''::BYTEA, due = 0, record = NULL, announced = 0, out_at = 0
		WHERE set_id = $1 AND id = $2 AND state = 'out'`
	sqlEndRecovery = `UPDATE recoveries SET state = 'refused', old = ''::BYTEA, idx = 0, link = ''::BYTEA, due = 0
		WHERE set_id = $1 AND id = $2 AND state IN ('waiting', 'announced', 'out')`
	sqlVetoable     = `SELECT EXISTS (SELECT 1 FROM recoveries WHERE set_id = $1 AND id = $2 AND state IN ('waiting', 'announced'))`
	sqlRefuseIntake = `UPDATE intakes SET state = 'refused', code = $1 WHERE id = $2`
	sqlDropPending  = `DELETE FROM pending WHERE set_id = $1 AND ticket = $2`

	sqlStepAnnounced = `UPDATE recoveries SET state = 'announced', announced = $1, record = $2, due = $3 WHERE set_id = $4 AND id = $5 AND state = 'waiting'`
	sqlStepOut       = `UPDATE recoveries SET state = 'out', out_at = $1, boundary = $2, due = $3 WHERE set_id = $4 AND id = $5 AND state = 'announced'`
	sqlQueueOut      = `INSERT INTO pending (set_id, ticket, op, idx, commitment, biometric, link, urgent, since, due)
		SELECT set_id, id, 3, idx, old, $1::BYTEA, ''::BYTEA, 0, due, due FROM recoveries WHERE set_id = $2 AND id = $3`
	sqlQueueIn = `INSERT INTO pending (set_id, ticket, op, idx, commitment, biometric, link, urgent, since, due)
		SELECT set_id, id, 4, NULL, commitment, biometric, link, 0, due, due FROM recoveries WHERE set_id = $1 AND id = $2`
	sqlRelink = `UPDATE templates SET link = $1 WHERE serial = $2`
)

// Recover implements issuer.LifeStore.
func (s *Store) Recover(ctx context.Context, r issuer.Recovery, code api.Code) (result issuer.IntakeResult, err error) {
	err = s.write(ctx, func(t *tx) error {
		if result, err = recoverIn(t, r, code); err != nil {
			return err
		}
		if refused(result) {
			return result.Err // rolls back
		}
		return nil
	})
	var refusal *api.Error
	if errors.As(err, &refusal) {
		return issuer.IntakeResult{Err: refusal}, nil
	}
	return result, err
}

func recoverIn(t *tx, r issuer.Recovery, code api.Code) (issuer.IntakeResult, error) {
	none := issuer.IntakeResult{}
	refuse := func(code api.Code) (issuer.IntakeResult, error) {
		return issuer.IntakeResult{Err: &api.Error{Code: code}}, nil
	}
	if before, err := admissible(t, r.Intake, setlog.OpRekeyIn); err != nil {
		return issuer.IntakeResult{}, err
	} else if before != nil {
		return *before, nil
	}
	result := r.Intake.Decided(setlog.OpRekeyIn, code)
	var err error
	if result.Granted, err = grant(t, r.Rates); err != nil {
		return none, err
	}
	var q queue
	insertIntake(&q, r.Intake, result.Enrolment)
	if code != "" {
		q.Queue(sqlCountRefused, r.Device)
		return result, t.send(&q)
	}
	var index uint64
	var leaving, recovering bool
	if live, err := found(t.QueryRow(sqlLiveAt, into(&index), setID, r.Old[:])); err != nil {
		return none, err
	} else if !live {
		return refuse(api.NotEnrolled)
	}
	if err := t.QueryRow(sqlAboutToGo, into(&leaving), setID, r.Old[:]); err != nil {
		return none, err
	}
	if err := t.QueryRow(sqlUnderRecovery, into(&recovering), setID, r.Old[:]); err != nil {
		return none, err
	}
	switch {
	case leaving:
		return refuse(api.NotEnrolled)
	case recovering:
		return refuse(api.RecoveryPending)
	}
	q.Queue(sqlInsertRecovery, setID, r.ID[:], r.Commitment[:], r.Biometric[:], blob(r.SerialLink), r.Old[:], index)
	q.Queue(sqlInsertPending, setID, r.ID[:], int64(setlog.OpRekeyAnnounced), index, r.Old[:], make([]byte, 32), []byte{}, 0, r.Received)
	return result, t.send(&q)
}

// Recovery implements issuer.LifeStore.
func (s *Store) Recovery(ctx context.Context, id issuer.ID) (r issuer.Recovery, err error) {
	err = s.read(ctx, func(c *pgx.Conn) (err error) {
		r, err = scanRecovery(c.QueryRow(ctx, sqlRecoveryByID, setID, id[:]))
		return err
	})
	return r, err
}

// Announcement implements issuer.LifeStore.
func (s *Store) Announcement(ctx context.Context, record int64) (r issuer.Recovery, err error) {
	err = s.read(ctx, func(c *pgx.Conn) (err error) {
		r, err = scanRecovery(c.QueryRow(ctx, sqlRecoveryByRecord, setID, record))
		return err
	})
	return r, err
}

func scanRecovery(row pgx.Row) (issuer.Recovery, error) {
	var r issuer.Recovery
	var id, session, commitment, biometric, old []byte
	err := row.Scan(&id, &session, &r.Received, &commitment, &biometric, &r.SerialLink, &old, &r.OldIndex, &r.State, &r.Announced, &r.Record, &r.OutAt, &r.Boundary, &r.Due)
	if err != nil {
		return r, err
	}
	if copy(r.ID[:], id) != len(r.ID) || copy(r.Session[:], session) != len(r.Session) || copy(r.Biometric[:], biometric) != len(r.Biometric) {
		return r, fmt.Errorf("%w: a recovery", issuer.ErrCorrupt)
	}
	if r.Commitment, err = element(commitment); err != nil || len(old) == 0 {
		return r, err
	}
	r.Old, err = element(old)
	return r, err
}

// Veto implements issuer.LifeStore.
func (s *Store) Veto(ctx context.Context, id issuer.ID) error {
	return s.write(ctx, func(t *tx) error {
		var can bool
		if err := t.QueryRow(sqlVetoable, into(&can), setID, id[:]); err != nil {
			return err
		}
		if !can {
			return issuer.ErrNotFound
		}
		return finish(t, id[:], api.RecoveryVetoed)
	})
}

// finish ends a recovery that did not come to its end.
func finish(t *tx, id []byte, code api.Code) error {
	var q queue
	q.Queue(sqlEndRecovery, setID, id)
	q.Queue(sqlRefuseIntake, string(code), id)
	q.Queue(sqlDropPending, setID, id)
	q.any()
	return t.send(&q)
}

// endRecoveryOf ends the recovery of a leaf, if there is one.
func endRecoveryOf(t *tx, old []byte, index uint64, code api.Code) (bool, error) {
	var id []byte
	if there, err := found(t.QueryRow(sqlRecoveryOf, into(&id), setID, old, index)); err != nil || !there {
		return false, err
	}
	return true, finish(t, id, code)
}

// writeSteps writes what a batch did besides its entries.
func writeSteps(t *tx, b *issuer.Batch) error {
	var q queue
	for _, st := range b.Steps {
		id := append([]byte{}, st.ID[:]...)
		switch st.State {
		case api.RecoveryAnnounced:
			q.Queue(sqlStepAnnounced, st.At, st.Record, st.Due, setID, id)
			q.Queue(sqlQueueOut, make([]byte, 32), setID, id)
		case api.RecoveryOut:
			q.Queue(sqlStepOut, st.At, st.Boundary, st.Due, setID, id)
			q.Queue(sqlQueueIn, setID, id)
		case api.RecoveryCommitted:
			q.Queue(sqlCompleteRecovery, setID, id)
		default:
			return fmt.Errorf("%w: step %q of a recovery", issuer.ErrCorrupt, st.State)
		}
	}
	if err := t.send(&q); err != nil {
		return err
	}
	for _, o := range b.Openings {
		if err := recordOpening(t, o); err != nil {
			return err
		}
	}
	for _, r := range b.Relinks {
		q.Queue(sqlRelink, r.LeafLink, append([]byte{}, r.Serial[:]...))
	}
	if err := t.send(&q); err != nil {
		return err
	}
	return writeImport(t, b.Import)
}
