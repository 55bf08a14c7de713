package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/perhuman/perhuman/issuer"
	"github.com/perhuman/perhuman/sdk/api"
	"github.com/perhuman/perhuman/semaphore"
	"github.com/perhuman/perhuman/semaphore/setlog"
)

const (
	sqlSavepoint  = `SAVEPOINT one`
	sqlRelease    = `RELEASE SAVEPOINT one`
	sqlRollbackTo = `ROLLBACK TO SAVEPOINT one`

	sqlIntakeBySession = `SELECT id, op, commitment, state, code, receipt, coalesce(seq, 0), coalesce(idx, 0), coalesce(record, 0) FROM intakes WHERE session = $1`
	sqlIntakeByID      = `SELECT id, op, commitment, state, code, receipt, coalesce(seq, 0), coalesce(idx, 0), coalesce(record, 0) FROM intakes WHERE id = $1`

	// It decides by whether it changed a row.
	sqlUseCounter = `INSERT INTO devices (device, counter, admitted, refused) VALUES ($1, $2, 0, 0)
		ON CONFLICT (device) DO UPDATE SET counter = excluded.counter WHERE devices.counter < excluded.counter`

	sqlRate    = `SELECT started, n FROM rates WHERE who = $1 AND per = $2`
	sqlSetRate = `INSERT INTO rates (who, per, started, n) VALUES ($1, $2, $3, $4)
		ON CONFLICT (who, per) DO UPDATE SET started = excluded.started, n = excluded.n`

	sqlTaken = `SELECT EXISTS (SELECT 1 FROM members WHERE set_id = $1 AND commitment = $2 AND removed_seq IS NULL)
		OR EXISTS (SELECT 1 FROM pending WHERE set_id = $1 AND op = 1 AND commitment = $2)
		OR EXISTS (SELECT 1 FROM recoveries WHERE set_id = $1 AND commitment = $2 AND state IN ('waiting', 'announced', 'out'))`
	sqlCountAdmitted = `UPDATE devices SET admitted = admitted + 1 WHERE device = $1`
	sqlCountRefused  = `UPDATE devices SET refused = refused + 1 WHERE device = $1`
	sqlInsertIntake  = `INSERT INTO intakes (id, op, session, commitment, received, state, code, receipt) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	sqlInsertPending = `INSERT INTO pending (set_id, ticket, op, idx, commitment, biometric, link, urgent, since, due) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)`
	sqlInsertTempl   = `INSERT INTO templates (serial, modality, sealed, link, mark) VALUES ($1, $2, $3, $4, $5)`
	sqlDevice        = `SELECT counter, admitted, refused FROM devices WHERE device = $1`
)

// Intake implements issuer.Store.
func (s *Store) Intake(ctx context.Context, batch []issuer.Intake, decide func(i int) (api.Code, error)) ([]issuer.IntakeResult, error) {
	results := make([]issuer.IntakeResult, len(batch))
	err := s.write(ctx, func(t *tx) error {
		for i, in := range batch {
			if _, err := t.Exec(sqlSavepoint); err != nil {
				return err
			}
			r, err := admit(t, in, func() (api.Code, error) { t.asked = true; return decide(i) })
			if err != nil {
				return err
			}
			if refused(r) {
				if _, err := t.Exec(sqlRollbackTo); err != nil {
					return err
				}
			}
			if _, err := t.Exec(sqlRelease); err != nil {
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

// refused: a refusal that leaves nothing behind.
func refused(r issuer.IntakeResult) bool {
	return r.Err != nil && r.Enrolment.State != api.StateRefused
}

// admit decides one intake. A refusal comes back in the result's Err; unless
// its state is refused, the caller takes back what was written for it.
func admit(t *tx, in issuer.Intake, decide func() (api.Code, error)) (issuer.IntakeResult, error) {
	if r, err := admissible(t, in, setlog.OpEnrol); err != nil {
		return issuer.IntakeResult{}, err
	} else if r != nil {
		return *r, nil
	}
	code, err := decide()
	if err != nil {
		return issuer.IntakeResult{}, err
	}
	r := in.Decided(setlog.OpEnrol, code)
	if r.Granted, err = grant(t, in.Rates); err != nil {
		return issuer.IntakeResult{}, err
	}
	return r, record(t, in, r.Enrolment)
}

// Reserve implements issuer.Store.
func (s *Store) Reserve(ctx context.Context, received uint64, uses []issuer.RateUse) (granted []int, err error) {
	err = s.write(ctx, func(t *tx) (err error) {
		if granted, err = grant(t, uses); err != nil {
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
func grant(t *tx, uses []issuer.RateUse) ([]int, error) {
	granted := make([]int, len(uses))
	for i, u := range uses {
		var started uint64
		var n int
		if err := t.QueryRow(sqlRate, into(&started, &n), u.Who, u.Per); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return nil, err
		}
		if granted[i], n = u.Grant(started, n); granted[i] == 0 {
			continue
		}
		if _, err := t.Exec(sqlSetRate, u.Who, u.Per, u.Start, n); err != nil {
			return nil, err
		}
	}
	return granted, nil
}

// admissible is what every intake is asked before its capture is: a result, if
// that is the end of it, or nil.
func admissible(t *tx, in issuer.Intake, op setlog.Op) (*issuer.IntakeResult, error) {
	refuse := func(code api.Code) (*issuer.IntakeResult, error) {
		return &issuer.IntakeResult{Err: &api.Error{Code: code}}, nil
	}
	switch old, err := intakeOf(t, in.Session); {
	case err == nil && old.Commitment == in.Commitment && old.Op == op:
		r := issuer.IntakeResult{Enrolment: old, Repeated: true}
		if old.State == api.StateRefused {
			r.Err = &api.Error{Code: old.Code}
		}
		return &r, nil
	case err == nil:
		return refuse(api.SessionUsed)
	case !errors.Is(err, pgx.ErrNoRows):
		return nil, err
	}
	if n, err := t.Exec(sqlUseCounter, in.Device, in.Counter); err != nil {
		return nil, err
	} else if n != 1 {
		return refuse(api.CaptureReplayed)
	}
	var taken bool
	if err := t.QueryRow(sqlTaken, into(&taken), setID, in.Commitment[:]); err != nil {
		return nil, err
	}
	if taken {
		return refuse(api.CommitmentExists)
	}
	return nil, nil
}

func intakeOf(t *tx, session issuer.Nonce) (issuer.Enrolment, error) {
	var e scannedIntake
	if err := t.QueryRow(sqlIntakeBySession, e.into(), session[:]); err != nil {
		return issuer.Enrolment{}, err
	}
	return e.enrolment()
}

// record writes an intake that was decided.
func record(t *tx, in issuer.Intake, e issuer.Enrolment) error {
	var q queue
	insertIntake(&q, in, e)
	if e.State == api.StateRefused {
		q.Queue(sqlCountRefused, in.Device)
		return t.send(&q)
	}
	q.Queue(sqlCountAdmitted, in.Device)
	q.Queue(sqlInsertPending, setID, in.ID[:], int64(setlog.OpEnrol), nil, in.Commitment[:], in.Biometric[:], blob(in.SerialLink), 0, in.Received)
	q.Queue(sqlInsertTempl, in.Serial[:], in.Modality, blob(in.Template), blob(in.LeafLink), blob(in.Mark))
	return t.send(&q)
}

func insertIntake(q *queue, in issuer.Intake, e issuer.Enrolment) {
	q.Queue(sqlInsertIntake, in.ID[:], int64(e.Op), in.Session[:], in.Commitment[:], in.Received, e.State, string(e.Code), blob(e.Receipt))
}

// Enrolment implements issuer.Store.
func (s *Store) Enrolment(ctx context.Context, id issuer.ID) (e issuer.Enrolment, err error) {
	err = s.read(ctx, func(c *pgx.Conn) (err error) {
		var row scannedIntake
		if err := c.QueryRow(ctx, sqlIntakeByID, id[:]).Scan(row.into()...); err != nil {
			return err
		}
		e, err = row.enrolment()
		return err
	})
	return e, err
}

// SessionIntake implements issuer.Store.
func (s *Store) SessionIntake(ctx context.Context, n issuer.Nonce) (*issuer.Enrolment, error) {
	var e issuer.Enrolment
	err := s.read(ctx, func(c *pgx.Conn) (err error) {
		var row scannedIntake
		if err := c.QueryRow(ctx, sqlIntakeBySession, n[:]).Scan(row.into()...); err != nil {
			return err
		}
		e, err = row.enrolment()
		return err
	})
	if errors.Is(err, issuer.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &e, nil
}

// scannedIntake takes the columns of an intake.
type scannedIntake struct {
	id, commitment []byte
	op             int64
	code           string
	e              issuer.Enrolment
}

func (r *scannedIntake) into() []any {
	return into(&r.id, &r.op, &r.commitment, &r.e.State, &r.code, &r.e.Receipt, &r.e.Seq, &r.e.Index, &r.e.Record)
}

func (r *scannedIntake) enrolment() (issuer.Enrolment, error) {
	e := r.e
	e.Code, e.Op = api.Code(r.code), setlog.Op(r.op) // #nosec G115 -- written from an Op
	if copy(e.ID[:], r.id) != len(e.ID) {
		return e, fmt.Errorf("%w: id of an intake", issuer.ErrCorrupt)
	}
	var err error
	e.Commitment, err = element(r.commitment)
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
func (s *Store) Device(ctx context.Context, id string) (d issuer.Device, err error) {
	err = s.read(ctx, func(c *pgx.Conn) error {
		return c.QueryRow(ctx, sqlDevice, id).Scan(&d.Counter, &d.Admitted, &d.Refused)
	})
	return d, err
}

// blob is b for a column that is never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
