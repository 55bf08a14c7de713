package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const (
	liveAt        = `SELECT idx FROM members WHERE set_id = ? AND commitment = ? AND removed_seq IS NULL`
	aboutToGo     = `SELECT EXISTS (SELECT 1 FROM pending WHERE set_id = ? AND op = 2 AND commitment = ?)`
	underRecovery = `SELECT EXISTS (SELECT 1 FROM recoveries WHERE set_id = ? AND old = ? AND state IN ('waiting', 'announced', 'out'))`

	insertRecovery = `INSERT INTO recoveries (set_id, id, commitment, biometric, link, old, idx, state, announced, out_at, boundary, due)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0)`
	recoveryColumns = `SELECT r.id, i.session, i.received, r.commitment, r.biometric, r.link, r.old, r.idx, r.state, r.announced, coalesce(r.record, 0), r.out_at, r.boundary, r.due
		FROM recoveries AS r JOIN intakes AS i ON i.id = r.id `
	recoveryByID     = recoveryColumns + `WHERE r.set_id = ? AND r.id = ?`
	recoveryByRecord = recoveryColumns + `WHERE r.set_id = ? AND r.record = ?`
	recoveryOf       = `SELECT id FROM recoveries WHERE set_id = ? AND old = ? AND idx = ? AND state IN ('waiting', 'announced', 'out')`

	// What ends a recovery, well or not, makes it forget the old leaf; one that
	// came to its end keeps nothing that leads there.
	completeRecovery = `UPDATE recoveries SET state = 'committed', old = x'', idx = 0, link = x'', due = 0, record = NULL, announced = 0, out_at = 0
		WHERE set_id = ? AND id = ? AND state = 'out'`
	endRecovery = `UPDATE recoveries SET state = 'refused', old = x'', idx = 0, link = x'', due = 0
		WHERE set_id = ? AND id = ? AND state IN ('waiting', 'announced', 'out')`
	vetoable     = `SELECT EXISTS (SELECT 1 FROM recoveries WHERE set_id = ? AND id = ? AND state IN ('waiting', 'announced'))`
	refuseIntake = `UPDATE intakes SET state = 'refused', code = ? WHERE id = ?`
	dropPending  = `DELETE FROM pending WHERE set_id = ? AND ticket = ?`

	stepAnnounced = `UPDATE recoveries SET state = 'announced', announced = ?, record = ?, due = ? WHERE set_id = ? AND id = ? AND state = 'waiting'`
	stepOut       = `UPDATE recoveries SET state = 'out', out_at = ?, boundary = ?, due = ? WHERE set_id = ? AND id = ? AND state = 'announced'`
	queueOut      = `INSERT INTO pending (set_id, ticket, op, idx, commitment, biometric, link, urgent, since, due)
		SELECT set_id, id, 3, idx, old, zeroblob(32), x'', FALSE, due, due FROM recoveries WHERE set_id = ? AND id = ?`
	queueIn = `INSERT INTO pending (set_id, ticket, op, idx, commitment, biometric, link, urgent, since, due)
		SELECT set_id, id, 4, NULL, commitment, biometric, link, FALSE, due, due FROM recoveries WHERE set_id = ? AND id = ?`
	relink = `UPDATE templates SET link = ? WHERE serial = ?`
)

// Recover implements issuer.LifeStore.
func (s *Store) Recover(ctx context.Context, r issuer.Recovery, code api.Code) (result issuer.IntakeResult, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		if result, err = recoverIn(tx, r, code); err != nil {
			return err
		}
		if result.Err != nil && result.Enrolment.State != api.StateRefused {
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

func recoverIn(tx *sql.Tx, r issuer.Recovery, code api.Code) (issuer.IntakeResult, error) {
	refuse := func(code api.Code) (issuer.IntakeResult, error) {
		return issuer.IntakeResult{Err: &api.Error{Code: code}}, nil
	}
	if before, err := admissible(tx, r.Intake, setlog.OpRekeyIn); err != nil {
		return issuer.IntakeResult{}, err
	} else if before != nil {
		return *before, nil
	}
	result := r.Intake.Decided(setlog.OpRekeyIn, code)
	var err error
	if result.Granted, err = grant(tx, r.Rates); err != nil {
		return issuer.IntakeResult{}, err
	}
	e := result.Enrolment
	if _, err := tx.Exec(insertIntake, e.ID[:], e.Op, r.Session[:], e.Commitment[:], r.Received, e.State, string(e.Code), blob(e.Receipt)); err != nil {
		return issuer.IntakeResult{}, err
	}
	if code != "" {
		_, err := tx.Exec(countRefused, r.Device)
		return result, err
	}
	var leaving, recovering bool
	var index uint64
	switch err := tx.QueryRow(liveAt, setID, r.Old[:]).Scan(&index); {
	case errors.Is(err, sql.ErrNoRows):
		return refuse(api.NotEnrolled)
	case err != nil:
		return issuer.IntakeResult{}, err
	}
	if err := tx.QueryRow(aboutToGo, setID, r.Old[:]).Scan(&leaving); err != nil {
		return issuer.IntakeResult{}, err
	}
	if err := tx.QueryRow(underRecovery, setID, r.Old[:]).Scan(&recovering); err != nil {
		return issuer.IntakeResult{}, err
	}
	switch {
	case leaving:
		return refuse(api.NotEnrolled)
	case recovering:
		return refuse(api.RecoveryPending)
	}
	if _, err := tx.Exec(insertRecovery, setID, r.ID[:], r.Commitment[:], r.Biometric[:], r.SerialLink, r.Old[:], index, api.RecoveryWaiting); err != nil {
		return issuer.IntakeResult{}, err
	}
	_, err = tx.Exec(insertPending, setID, r.ID[:], setlog.OpRekeyAnnounced, index, r.Old[:], make([]byte, 32), []byte{}, false, r.Received, 0)
	return result, err
}

// Recovery implements issuer.LifeStore.
func (s *Store) Recovery(ctx context.Context, id issuer.ID) (issuer.Recovery, error) {
	return scanRecovery(s.r.QueryRowContext(ctx, recoveryByID, setID, id[:]))
}

// Announcement implements issuer.LifeStore.
func (s *Store) Announcement(ctx context.Context, record int64) (issuer.Recovery, error) {
	return scanRecovery(s.r.QueryRowContext(ctx, recoveryByRecord, setID, record))
}

func scanRecovery(row *sql.Row) (issuer.Recovery, error) {
	var r issuer.Recovery
	var id, session, commitment, biometric, old []byte
	err := row.Scan(&id, &session, &r.Received, &commitment, &biometric, &r.SerialLink, &old, &r.OldIndex, &r.State, &r.Announced, &r.Record, &r.OutAt, &r.Boundary, &r.Due)
	if err != nil {
		return r, classify(err)
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
	return s.write(ctx, func(tx *sql.Tx) error {
		var can bool
		if err := tx.QueryRow(vetoable, setID, id[:]).Scan(&can); err != nil {
			return err
		}
		if !can {
			return issuer.ErrNotFound
		}
		return finish(tx, id[:], api.RecoveryVetoed)
	})
}

// finish ends a recovery that did not come to its end.
func finish(tx *sql.Tx, id []byte, code api.Code) error {
	if err := mustOne(tx.Exec(endRecovery, setID, id)); err != nil {
		return err
	}
	if err := mustOne(tx.Exec(refuseIntake, string(code), id)); err != nil {
		return err
	}
	_, err := tx.Exec(dropPending, setID, id)
	return err
}

// endRecoveryOf ends the recovery of a leaf, if there is one.
func endRecoveryOf(tx *sql.Tx, old []byte, index uint64, code api.Code) (bool, error) {
	var id []byte
	switch err := tx.QueryRow(recoveryOf, setID, old, index).Scan(&id); {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, finish(tx, id, code)
}

// writeSteps writes what a batch did besides its entries.
func writeSteps(tx *sql.Tx, b *issuer.Batch) error {
	for _, st := range b.Steps {
		var err error
		switch st.State {
		case api.RecoveryAnnounced:
			if err = mustOne(tx.Exec(stepAnnounced, st.At, st.Record, st.Due, setID, st.ID[:])); err == nil {
				err = mustOne(tx.Exec(queueOut, setID, st.ID[:]))
			}
		case api.RecoveryOut:
			if err = mustOne(tx.Exec(stepOut, st.At, st.Boundary, st.Due, setID, st.ID[:])); err == nil {
				err = mustOne(tx.Exec(queueIn, setID, st.ID[:]))
			}
		case api.RecoveryCommitted:
			err = mustOne(tx.Exec(completeRecovery, setID, st.ID[:]))
		default:
			err = fmt.Errorf("%w: step %q of a recovery", issuer.ErrCorrupt, st.State)
		}
		if err != nil {
			return err
		}
	}
	for _, o := range b.Openings {
		if err := recordOpening(tx, o); err != nil {
			return err
		}
	}
	for _, r := range b.Relinks {
		if err := mustOne(tx.Exec(relink, r.LeafLink, r.Serial[:])); err != nil {
			return err
		}
	}
	return writeImport(tx, b.Import)
}

// Taken implements issuer.ImportStore.
func (s *Store) Taken(ctx context.Context, commitments []semaphore.Element) ([]bool, error) {
	stmt, err := s.r.PrepareContext(ctx, commitmentTaken)
	if err != nil {
		return nil, classify(err)
	}
	defer func() { _ = stmt.Close() }()
	taken := make([]bool, len(commitments))
	for i, c := range commitments {
		if err := stmt.QueryRowContext(ctx, setID, c[:]).Scan(&taken[i]); err != nil {
			return nil, classify(err)
		}
	}
	return taken, nil
}
