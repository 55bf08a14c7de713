package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/perhuman/perhuman/sdk/sethttp"
	"github.com/perhuman/perhuman/semaphore/setlog"
	"golang.org/x/mod/sumdb/note"
)

// manyFlag collects the values of a flag that may be given many times.
type manyFlag []string

func (m *manyFlag) String() string     { return strings.Join(*m, " ") }
func (m *manyFlag) Set(s string) error { *m = append(*m, s); return nil }
func (m *manyFlag) many()              {}

// auditSource is where an audited log is read from.
type auditSource struct {
	checkpoint, head, policy []byte // nil: not there
	entries                  func(size int64) setlog.Fetch
	close                    func() error
}

// auditLog replays an issuer's log from outside and says what it did, or at
// what it lied.
func auditLog(ctx context.Context, args []string, e env) error {
	f := flags("audit", "-issuer VKEY [flags] [URL | FOLDER | FILE]", e)
	vkey := f.String("issuer", "", "the issuer's verifier key, name+hash+key")
	checkpoint := f.String("checkpoint", "", "file with the signed checkpoint, for a log in one file of entry bundles")
	head := f.String("head", "", "file with a signed head to compare with the log")
	evidence := f.String("evidence", "", "file to write the proof to if a fork is found; must not exist")
	fork := f.String("fork", "", "file with the evidence of a fork, as a wallet or an audit saved it: check that alone, with no network")
	quorum := f.Int("quorum", 0, "how many of the witnesses must have cosigned; default all that are given")
	var seen, witnesses manyFlag
	f.Var(&seen, "seen", "file with a checkpoint or head seen before or by somebody else: the log must extend it; may be given many times")
	f.Var(&witnesses, "witness", "a witness's verifier key; may be given many times")
	if err := parseFlags(f, args); err != nil {
		return err
	}
	if *vkey == "" || f.NArg() > 1 || *quorum < 0 {
		f.Usage()
		return hint(f)
	}
	v, err := setlog.ParseVKey(*vkey)
	if err != nil {
		return err
	}
	if *fork != "" {
		return auditFork(e, v, *fork)
	}
	cfg := setlog.AuditConfig{Verifier: v, Now: time.Now(), Progress: auditProgress(e.err)}
	if len(witnesses) > 0 {
		n := *quorum
		if n == 0 {
			n = len(witnesses)
		}
		if cfg.Witnesses, err = setlog.NewWitnesses(n, witnesses); err != nil {
			return err
		}
	}
	for _, path := range seen {
		b, err := readFile(path)
		if err != nil {
			return err
		}
		cfg.Seen = append(cfg.Seen, b)
	}
	src, err := openAudit(ctx, v.Name(), f.Arg(0))
	if err != nil {
		return err
	}
	defer src.close()
	for path, to := range map[string]*[]byte{*checkpoint: &src.checkpoint, *head: &src.head} {
		if path != "" {
			if *to, err = readFile(path); err != nil {
				return err
			}
		}
	}
	if src.checkpoint == nil && src.head == nil {
		return fmt.Errorf("nothing signed was found; name a checkpoint with -checkpoint")
	}
	cfg.Checkpoint, cfg.Head = src.checkpoint, src.head
	report, err := cfg.Run(src.entries(auditSize(cfg)))
	if err == nil {
		err = auditPolicy(report, src.policy)
	}
	return auditVerdict(e, cfg, report, err, *evidence)
}

// auditFork checks evidence that somebody else has found.
func auditFork(e env, v note.Verifier, path string) error {
	text, err := readFile(path)
	if err != nil {
		return err
	}
	fork, err := setlog.ParseFork(text)
	if err != nil {
		return err
	}
	if err := fork.Verify(v); err != nil {
		return fmt.Errorf("%s does not show that %s forked its log: %w", path, v.Name(), err)
	}
	fmt.Fprintf(e.out, "LIE  fork\n  %s\n", fork)
	return fmt.Errorf("the log of %s %w (fork)", v.Name(), errClaim)
}

// auditVerdict prints the report, or the lie and its evidence.
func auditVerdict(e env, cfg setlog.AuditConfig, report *setlog.AuditReport, err error, evidence string) error {
	var lie *setlog.AuditError
	switch {
	case err == nil:
		printAudit(e.out, cfg, report)
		return nil
	case !errors.As(err, &lie):
		return fmt.Errorf("the audit could not be carried out: %w", err)
	}
	fmt.Fprintf(e.out, "LIE  %s\n  %s\n", lie.Lie, strings.ReplaceAll(err.Error(), "\n", "\n  "))
	var fork *setlog.ErrFork
	if errors.As(err, &fork) {
		text, terr := fork.MarshalText()
		if terr != nil {
			return terr
		}
		if evidence != "" {
			if werr := writeNew(evidence, text); werr != nil {
				return werr
			}
			fmt.Fprintf(e.out, "  the proof is in %s; it stands without the issuer's server\n", evidence)
		} else {
			fmt.Fprintf(e.out, "  the proof, which stands without the issuer's server:\n\n%s", text)
		}
	}
	return fmt.Errorf("the log of %s %w (%s)", cfg.Verifier.Name(), errClaim, lie.Lie)
}

// writeNew writes a public file that must not exist.
func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) // #nosec G302 -- evidence is for everybody
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

// auditSize gives the size of the log that will be read; 0 if nothing is
// signed by the issuer, which Run will say.
func auditSize(cfg setlog.AuditConfig) int64 {
	var size int64
	if c, err := setlog.OpenCheckpoint(cfg.Checkpoint, cfg.Verifier); err == nil {
		size = c.Size
	}
	if h, err := setlog.OpenHead(cfg.Head, cfg.Verifier); err == nil {
		size = max(size, h.LogSize())
	}
	return size
}

// openAudit finds a log: at an address, in a folder of its files, or in one
// file with all entry bundles.
func openAudit(ctx context.Context, name, at string) (*auditSource, error) {
	if at == "" || strings.HasPrefix(at, "https://") || strings.HasPrefix(at, "http://") {
		return auditURL(ctx, name, at)
	}
	info, err := os.Stat(at)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return auditFolder(at)
	}
	file, err := os.Open(at)
	if err != nil {
		return nil, err
	}
	return &auditSource{entries: func(int64) setlog.Fetch { return setlog.FetchEntries(file) }, close: file.Close}, nil
}

func auditFolder(path string) (*auditSource, error) {
	fetch := setlog.FetchFS(os.DirFS(path))
	s := &auditSource{entries: func(int64) setlog.Fetch { return fetch }, close: func() error { return nil }}
	for name, to := range map[string]*[]byte{"checkpoint": &s.checkpoint, "head": &s.head, sethttp.InfoPath: &s.policy} {
		b, err := fetch(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		*to = b
	}
	return s, nil
}

func auditURL(ctx context.Context, name, at string) (*auditSource, error) {
	c, err := sethttp.NewClient(name, at, nil)
	if err != nil {
		return nil, err
	}
	s := &auditSource{entries: func(size int64) setlog.Fetch { return c.FetchAhead(ctx, size) }, close: func() error { return nil }}
	// In this order: what is read later may only be younger.
	var status *sethttp.StatusError
	if s.policy, err = c.File(ctx, sethttp.InfoPath); errors.As(err, &status) && status.Status == http.StatusNotFound {
		s.policy = nil // the description is no part of the log
	} else if err != nil {
		return nil, err
	}
	if s.checkpoint, err = c.Checkpoint(ctx); err != nil {
		return nil, err
	}
	if s.head, err = c.Head(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// auditPolicy wants the policy that is served to be one that was logged.
func auditPolicy(r *setlog.AuditReport, policy []byte) error {
	if policy == nil {
		return nil
	}
	hash := sha256.Sum256(policy)
	if slices.ContainsFunc(r.Documents, func(d setlog.AuditDocument) bool { return d.Op == setlog.OpPolicy && d.Hash == hash }) {
		return nil
	}
	return &setlog.AuditError{Lie: setlog.LiePolicy, Index: -1, Reason: fmt.Sprintf("the issuer describes itself by a document, SHA-256 %x, that its log does not have", hash)}
}

// auditProgress says every few seconds how far a long audit is.
func auditProgress(w io.Writer) func(done, all int64) {
	last := time.Now()
	return func(done, all int64) {
		if now := time.Now(); now.Sub(last) > 5*time.Second {
			last = now
			fmt.Fprintf(w, "%d of %d entries\n", done, all)
		}
	}
}
