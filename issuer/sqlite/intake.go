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
	savepoint  = `SAVEPOINT one`
	release    = `RELEASE one`
	rollbackTo = `ROLLBACK TO one`

	intakeColumns   = `SELECT id, commitment, state, code, receipt, coalesce(seq, 0), coalesce(idx, 0), coalesce(record, 0) FROM intakes `
	intakeBySession = intakeColumns + `WHERE session = ?`
	intakeByID      = intakeColumns + `WHERE id = ?`

	// Each of these decides by whether it changed a row.
	useCounter = `INSERT INTO devices (device, counter, admitted, refused) VALUES (?1, ?2, 0, 0)
		ON CONFLICT (device) DO UPDATE SET counter = ?2 WHERE ?2 > counter`

	commitmentTaken = `SELECT EXISTS (SELECT 1 FROM members WHERE set_id = ?1 AND commitment = ?2 AND removed_seq IS NULL)
		OR EXISTS (SELECT 1 FROM pending WHERE set_id = ?1 AND op = ?3 AND commitment = ?2)`
	countAdmitted = `UPDATE devices SET admitted = admitted + 1 WHERE device = ?`
	countRefused  = `UPDATE devices SET refused = refused + 1 WHERE device = ?`
	insertIntake  = `INSERT INTO intakes (id, session, commitment, received, state, code, receipt) VALUES (?, ?, ?, ?, ?, ?, ?)`
	insertPending = `INSERT INTO pending (set_id, ticket, op, idx, commitment, biometric, link, urgent, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	insertTempl   = `INSERT INTO templates (serial, modality, sealed, link) VALUES (?, ?, ?, ?)`
	selectDevice  = `SELECT counter, admitted, refused FROM devices WHERE device = ?`
)

// Intake implements issuer.Store.
func (s *Store) Intake(ctx context.Context, batch []issuer.Intake, decide func(i int) (api.Code, error)) ([]issuer.IntakeResult, error) {
	results := make([]issuer.IntakeResult, len(batch))
	err := s.write(ctx, func(tx *sql.Tx) error {
		for i, in := range batch {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := tx.Exec(savepoint); err != nil {
				return err
			}
			r, err := admit(tx, in, func() (api.Code, error) { return decide(i) })
			if err != nil {
				return err
			}
			var refused *api.Error
			if errors.As(r.Err, &refused) && r.Enrolment.State != api.StateRefused {
				if _, err := tx.Exec(rollbackTo); err != nil {
					return err
				}
			}
			if _, err := tx.Exec(release); err != nil {
				return err
			}
			results[i] = r
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// admit decides one intake. A refusal comes back in the result's Err; unless
// its state is refused, the caller takes back what was written for it.
func admit(tx *sql.Tx, in issuer.Intake, decide func() (api.Code, error)) (issuer.IntakeResult, error) {
	refuse := func(code api.Code) (issuer.IntakeResult, error) {
		return issuer.IntakeResult{Err: &api.Error{Code: code}}, nil
	}
	switch old, err := scanEnrolment(tx.QueryRow(intakeBySession, in.Session[:])); {
	case err == nil && old.Commitment == in.Commitment:
		r := issuer.IntakeResult{Enrolment: old, Repeated: true}
		if old.State == api.StateRefused {
			r.Err = &api.Error{Code: old.Code}
		}
		return r, nil
	case err == nil:
		return refuse(api.SessionUsed)
	case !errors.Is(err, issuer.ErrNotFound):
		return issuer.IntakeResult{}, err
	}
	if ok, err := one(tx, useCounter, in.Device, in.Counter); err != nil || !ok {
		r, _ := refuse(api.CaptureReplayed)
		return r, err
	}
	var taken bool
	if err := tx.QueryRow(commitmentTaken, setID, in.Commitment[:], setlog.OpEnrol).Scan(&taken); err != nil {
		return issuer.IntakeResult{}, err
	}
	if taken {
		return refuse(api.CommitmentExists)
	}
	code, err := decide()
	if err != nil {
		return issuer.IntakeResult{}, err
	}
	e := issuer.Enrolment{ID: in.ID, Commitment: in.Commitment, State: api.StateMatched, Receipt: in.Receipt}
	r := issuer.IntakeResult{Enrolment: e}
	if code != "" {
		r.Enrolment.State, r.Enrolment.Code, r.Enrolment.Receipt = api.StateRefused, code, nil
		r.Err = &api.Error{Code: code}
	}
	return r, record(tx, in, r.Enrolment)
}

// record writes an intake that was decided.
func record(tx *sql.Tx, in issuer.Intake, e issuer.Enrolment) error {
	receipt := e.Receipt
	if receipt == nil {
		receipt = []byte{}
	}
	if _, err := tx.Exec(insertIntake, in.ID[:], in.Session[:], in.Commitment[:], in.Received, e.State, string(e.Code), receipt); err != nil {
		return err
	}
	if e.State == api.StateRefused {
		_, err := tx.Exec(countRefused, in.Device)
		return err
	}
	if _, err := tx.Exec(countAdmitted, in.Device); err != nil {
		return err
	}
	if _, err := tx.Exec(insertPending, setID, in.ID[:], setlog.OpEnrol, nil, in.Commitment[:], in.Biometric[:], in.SerialLink, false, in.Received); err != nil {
		return err
	}
	if in.Template == nil {
		return nil
	}
	_, err := tx.Exec(insertTempl, in.Serial[:], in.Modality, in.Template, in.LeafLink)
	return err
}

// Enrolment implements issuer.Store.
func (s *Store) Enrolment(ctx context.Context, id issuer.ID) (issuer.Enrolment, error) {
	return scanEnrolment(s.r.QueryRowContext(ctx, intakeByID, id[:]))
}

// SessionIntake implements issuer.Store.
func (s *Store) SessionIntake(ctx context.Context, n issuer.Nonce) (*issuer.Enrolment, error) {
	e, err := scanEnrolment(s.r.QueryRowContext(ctx, intakeBySession, n[:]))
	if errors.Is(err, issuer.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &e, nil
}

func scanEnrolment(row *sql.Row) (issuer.Enrolment, error) {
	var e issuer.Enrolment
	var id, commitment []byte
	var code string
	if err := row.Scan(&id, &commitment, &e.State, &code, &e.Receipt, &e.Seq, &e.Index, &e.Record); err != nil {
		return e, classify(err)
	}
	e.Code = api.Code(code)
	if copy(e.ID[:], id) != len(e.ID) {
		return e, fmt.Errorf("%w: id of an intake", issuer.ErrCorrupt)
	}
	var err error
	e.Commitment, err = element(commitment)
	return e, err
}

func element(b []byte) (semaphore.Element, error) {
	e, err := semaphore.ElementFromBytes(b)
	if err != nil {
		return e, fmt.Errorf("%w: %w", issuer.ErrCorrupt, err)
	}
	return e, nil
}

// Device implements issuer.Store.
func (s *Store) Device(ctx context.Context, id string) (issuer.Device, error) {
	var d issuer.Device
	err := s.r.QueryRowContext(ctx, selectDevice, id).Scan(&d.Counter, &d.Admitted, &d.Refused)
	return d, classifyNil(err)
}

func classifyNil(err error) error {
	if err == nil {
		return nil
	}
	return classify(err)
}
