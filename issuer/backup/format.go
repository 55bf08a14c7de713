package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
)

const (
	magic    = "perhuman/issuer-backup/1\n"
	maxValue = 64 << 20 // bytes of one column
)

// ErrDamaged: a backup that is cut short or changed, or is none.
var ErrDamaged = errors.New("backup: the file is damaged or no backup")

// Table is one table of a backup: its name, its columns, and a letter for the
// kind of each: i an integer, n an integer or NULL, b bytes, t text.
type Table struct{ Name, Columns, Kinds string }

// Tables are the tables of a backup in the order of the file: the log before
// what refers to it.
func Tables() []Table {
	return []Table{
		{"binding", "set_id, origin, vkey, operator, writer", "ittbi"},
		{"changes", "set_id, change_no, root_seq, op, idx, commitment, entry", "iiiiibb"},
		{"hashes", "set_id, n, hash", "iib"},
		{"roots", "set_id, seq, root, size, live, depth, min_valid_seq, log_size, created_ms, superseded_ms, checkpoint", "iibiiiiiinb"},
		{"members", "set_id, idx, commitment, added_seq, removed_seq, link", "iibinb"},
		{"imports", "set_id, name, lines, prefix", "ibib"},
		{"intakes", "id, op, session, commitment, received, state, code, receipt, seq, idx, record", "bibbittbnnn"},
		{"recoveries", "set_id, id, commitment, biometric, link, old, idx, state, announced, record, out_at, boundary, due", "ibbbbbitiniii"},
		{"deletions", "set_id, id, until, destroyed, tombstone", "ibiib"},
		{"pending", "set_id, ticket, op, idx, commitment, biometric, link, urgent, since, due", "ibinbbbiii"},
		{"templates", "serial, modality, sealed, link, mark", "btbbb"},
		{"devices", "device, counter, admitted, refused", "tiii"},
		{"openings", "set_id, n, at, reason, subject, chain", "iiitbb"},
	}
}

// Row takes the columns of one row: Into is for Scan of database/sql and pgx,
// Values for Exec.
type Row struct {
	kinds string
	ints  []int64
	nulls []*int64
	bytes [][]byte
	texts []string
}

// NewRow makes room for a row of t.
func (t Table) NewRow() *Row {
	n := len(t.Kinds)
	return &Row{kinds: t.Kinds, ints: make([]int64, n), nulls: make([]*int64, n), bytes: make([][]byte, n), texts: make([]string, n)}
}

// Into gives pointers to the columns.
func (r *Row) Into() []any {
	to := make([]any, len(r.kinds))
	for i, k := range r.kinds {
		switch k {
		case 'i':
			to[i] = &r.ints[i]
		case 'n':
			to[i] = &r.nulls[i]
		case 'b':
			to[i] = &r.bytes[i]
		default:
			to[i] = &r.texts[i]
		}
	}
	return to
}

// Values gives the columns: int64, nil, []byte (never nil) or string.
func (r *Row) Values() []any {
	v := make([]any, len(r.kinds))
	for i, k := range r.kinds {
		switch {
		case k == 'i':
			v[i] = r.ints[i]
		case k == 'n' && r.nulls[i] != nil:
			v[i] = *r.nulls[i]
		case k == 'b' && r.bytes[i] == nil:
			v[i] = []byte{}
		case k == 'b':
			v[i] = r.bytes[i]
		case k == 't':
			v[i] = r.texts[i]
		}
	}
	return v
}

// Writer writes a backup.
type Writer struct {
	w      *bufio.Writer
	sum    hash.Hash
	counts []uint64
	row    []byte
	err    error
}

// NewWriter begins a backup.
func NewWriter(to io.Writer) *Writer {
	sum := sha256.New()
	w := &Writer{w: bufio.NewWriterSize(io.MultiWriter(to, sum), 1<<16), sum: sum, counts: make([]uint64, len(Tables()))}
	_, w.err = w.w.WriteString(magic)
	return w
}

// Row writes a row of table number n. The tables come in order.
func (w *Writer) Row(n int, r *Row) error {
	b := append(w.row[:0], byte(n+1)) // #nosec G115 -- 13 tables
	for i, k := range r.kinds {
		switch k {
		case 'i':
			b = binary.AppendVarint(b, r.ints[i])
		case 'n':
			if r.nulls[i] == nil {
				b = append(b, 0)
			} else {
				b = binary.AppendVarint(append(b, 1), *r.nulls[i])
			}
		case 'b':
			b = append(binary.AppendUvarint(b, uint64(len(r.bytes[i]))), r.bytes[i]...)
		default:
			b = append(binary.AppendUvarint(b, uint64(len(r.texts[i]))), r.texts[i]...)
		}
	}
	w.row = b
	w.counts[n]++
	if w.err == nil {
		_, w.err = w.w.Write(b)
	}
	return w.err
}

// Close ends the backup; it does not close what it was written to.
func (w *Writer) Close() error {
	b := []byte{0}
	for _, n := range w.counts {
		b = binary.AppendUvarint(b, n)
	}
	if w.err == nil {
		_, w.err = w.w.Write(b)
	}
	if w.err == nil {
		w.err = w.w.Flush()
	}
	if w.err == nil {
		_, w.err = w.w.Write(w.sum.Sum(nil))
	}
	if w.err == nil {
		w.err = w.w.Flush()
	}
	return w.err
}

// Read gives every row of a backup to row, which may keep what is in it. What
// row did must be taken back if Read returns an error: only at the end is it
// known that the file is whole.
func Read(from io.Reader, row func(table int, r *Row) error) error {
	p := &reader{r: bufio.NewReaderSize(from, 1<<16), sum: sha256.New()}
	head := make([]byte, len(magic))
	if p.fill(head); p.err != nil || string(head) != magic {
		return ErrDamaged
	}
	tables := Tables()
	counts := make([]uint64, len(tables))
	for last := 0; ; {
		n := int(p.byte()) - 1
		if p.err != nil || n >= len(tables) || n >= 0 && n < last {
			return ErrDamaged
		}
		if n < 0 {
			break
		}
		last = n
		r := tables[n].NewRow()
		p.columns(r)
		if p.err != nil {
			return ErrDamaged
		}
		counts[n]++
		if err := row(n, r); err != nil {
			return err
		}
	}
	for _, n := range counts {
		if p.uvarint() != n || p.err != nil {
			return ErrDamaged
		}
	}
	want := p.sum.Sum(nil)
	have := make([]byte, sha256.Size)
	if p.fill(have); p.err != nil || !bytes.Equal(have, want) {
		return ErrDamaged
	}
	if _, err := p.r.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows its end", ErrDamaged)
	}
	return nil
}

// reader reads and hashes, and keeps the first error.
type reader struct {
	r   *bufio.Reader
	sum hash.Hash
	err error
	one [1]byte
}

func (p *reader) fill(b []byte) {
	if p.err == nil {
		_, p.err = io.ReadFull(p.r, b)
		_, _ = p.sum.Write(b)
	}
}

func (p *reader) byte() byte {
	p.fill(p.one[:])
	return p.one[0]
}

// ReadByte implements io.ByteReader.
func (p *reader) ReadByte() (byte, error) { b := p.byte(); return b, p.err }

func (p *reader) varint() int64 {
	n, err := binary.ReadVarint(p)
	if p.err == nil {
		p.err = err
	}
	return n
}

func (p *reader) uvarint() uint64 {
	n, err := binary.ReadUvarint(p)
	if p.err == nil {
		p.err = err
	}
	return n
}

func (p *reader) bytes() []byte {
	n := p.uvarint()
	if p.err != nil || n > maxValue {
		p.err = ErrDamaged
		return nil
	}
	var b bytes.Buffer // grows with what is there, not with what is claimed
	if _, err := io.CopyN(io.MultiWriter(&b, p.sum), p.r, int64(n)); err != nil {
		p.err = err
	}
	return b.Bytes()
}

func (p *reader) columns(r *Row) {
	for i, k := range r.kinds {
		switch k {
		case 'i':
			r.ints[i] = p.varint()
		case 'n':
			switch p.byte() {
			case 0:
			case 1:
				n := p.varint()
				r.nulls[i] = &n
			default:
				p.err = ErrDamaged
			}
		case 'b':
			r.bytes[i] = p.bytes()
		default:
			r.texts[i] = string(p.bytes())
		}
	}
}
