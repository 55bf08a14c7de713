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

	intakeColumns   = `SELECT id, op, commitment, state, code, receipt, coalesce(seq, 0), coalesce(idx, 0), coalesce(record, 0) FROM intakes `
	intakeBySession = intakeColumns + `WHERE session = ?`
	intakeByID      = intakeColumns + `WHERE id = ?`

	// Each of these decides by whether it changed a row.
	useCounter = `INSERT INTO devices (device, counter, admitted, refused) VALUES (?1, ?2, 0, 0)
		ON CONFLICT (device) DO UPDATE SET counter = ?2 WHERE ?2 > counter`

	rateCount = `SELECT started, n FROM rates WHERE who = ? AND per = ?`
	setRate   = `INSERT INTO rates (who, per, started, n) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (who, per) DO UPDATE SET started = ?3, n = ?4`

	commitmentTaken = `SELECT EXISTS (SELECT 1 FROM members WHERE set_id = ?1 AND commitment = ?2 AND removed_seq IS NULL)
		OR EXISTS (SELECT 1 FROM pending WHERE set_id = ?1 AND op = 1 AND commitment = ?2)
		OR EXISTS (SELECT 1 FROM recoveries WHERE set_id = ?1 AND commitment = ?2 AND state IN ('waiting', 'announced', 'out'))`
	countAdmitted = `UPDATE devices SET admitted = admitted + 1 WHERE device = ?`
	countRefused  = `UPDATE devices SET refused = refused + 1 WHERE device = ?`
	insertIntake  = `INSERT INTO intakes (id, op, session, commitment, received, state, code, receipt) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	insertPending = `INSERT INTO pending (set_id, ticket, op, idx, commitment, biometric, link, urgent, since, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	insertTempl   = `INSERT INTO templates (serial, modality, sealed, link, mark) VALUES (?, ?, ?, ?, ?)`
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
	if r, err := admissible(tx, in, setlog.OpEnrol); err != nil {
		return issuer.IntakeResult{}, err
	} else if r != nil {
		return *r, nil
	}
	code, err := decide()
	if err != nil {
		return issuer.IntakeResult{}, err
	}
	r := in.Decided(setlog.OpEnrol, code)
	if r.Granted, err = grant(tx, in.Rates); err != nil {
		return issuer.IntakeResult{}, err
	}
	return r, record(tx, in, r.Enrolment)
}

// Reserve implements issuer.Store.
func (s *Store) Reserve(ctx context.Context, received uint64, uses []issuer.RateUse) (granted []int, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		if granted, err = grant(tx, uses); err != nil {
			return err
		}
		for n, u := range uses {
			if granted[n] == 0 {
				return u.Limited(received) // rolls back
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return granted, nil
}

// grant hands out what is wanted of rates, as far as it is left.
func grant(tx *sql.Tx, uses []issuer.RateUse) ([]int, error) {
	granted := make([]int, len(uses))
	for i, u := range uses {
		var started uint64
		var n int
		if err := tx.QueryRow(rateCount, u.Who, u.Per).Scan(&started, &n); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		if granted[i], n = u.Grant(started, n); granted[i] == 0 {
			continue
		}
		if _, err := tx.Exec(setRate, u.Who, u.Per, u.Start, n); err != nil {
			return nil, err
		}
	}
	return granted, nil
}

// admissible is what every intake is asked before its capture is: a result, if
// that is the end of it, or nil.
func admissible(tx *sql.Tx, in issuer.Intake, op setlog.Op) (*issuer.IntakeResult, error) {
	refuse := func(code api.Code) (*issuer.IntakeResult, error) {
		return &issuer.IntakeResult{Err: &api.Error{Code: code}}, nil
	}
	switch old, err := scanEnrolment(tx.QueryRow(intakeBySession, in.Session[:])); {
	case err == nil && old.Commitment == in.Commitment && old.Op == op:
		r := issuer.IntakeResult{Enrolment: old, Repeated: true}
		if old.State == api.StateRefused {
			r.Err = &api.Error{Code: old.Code}
		}
		return &r, nil
	case err == nil:
		return refuse(api.SessionUsed)
	case !errors.Is(err, issuer.ErrNotFound):
		return nil, err
	}
	if ok, err := one(tx, useCounter, in.Device, in.Counter); err != nil {
		return nil, err
	} else if !ok {
		return refuse(api.CaptureReplayed)
	}
	var taken bool
	if err := tx.QueryRow(commitmentTaken, setID, in.Commitment[:]).Scan(&taken); err != nil {
		return nil, err
	}
	if taken {
		return refuse(api.CommitmentExists)
	}
	return nil, nil
}

// record writes an intake that was decided.
func record(tx *sql.Tx, in issuer.Intake, e issuer.Enrolment) error {
	if _, err := tx.Exec(insertIntake, in.ID[:], e.Op, in.Session[:], in.Commitment[:], in.Received, e.State, string(e.Code), blob(e.Receipt)); err != nil {
		return err
	}
	if e.State == api.StateRefused {
		_, err := tx.Exec(countRefused, in.Device)
		return err
	}
	if _, err := tx.Exec(countAdmitted, in.Device); err != nil {
		return err
	}
	if _, err := tx.Exec(insertPending, setID, in.ID[:], setlog.OpEnrol, nil, in.Commitment[:], in.Biometric[:], in.SerialLink, false, in.Received, 0); err != nil {
		return err
	}
	_, err := tx.Exec(insertTempl, in.Serial[:], in.Modality, blob(in.Template), blob(in.LeafLink), blob(in.Mark))
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
	if err := row.Scan(&id, &e.Op, &commitment, &e.State, &code, &e.Receipt, &e.Seq, &e.Index, &e.Record); err != nil {
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

// blob is b for a column that is never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
