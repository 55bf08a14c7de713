package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/perhuman/perhuman/semaphore/setlog"
)

// printAudit writes what an audit found, for people.
func printAudit(w io.Writer, cfg setlog.AuditConfig, r *setlog.AuditReport) {
	var sum setlog.AuditDay
	for _, d := range r.Days {
		sum.Enrolled += d.Enrolled
		sum.Removed += d.Removed
		sum.RekeyedIn += d.RekeyedIn
	}
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-11s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(w, "NO LIE FOUND in the log of %s\n", r.Origin)
	if len(r.Days) == 0 {
		row("log", "no entry yet")
	} else {
		row("log", "%d entries in %d batches, %s to %s; every root recomputed", r.Replay.Entries(), r.Replay.Seq(), r.Days[0].Date(), r.Days[len(r.Days)-1].Date())
	}
	row("people", "%d now; %d enrolled, %d removed, %d changed their keys", r.Replay.Live(), sum.Enrolled, sum.Removed, sum.RekeyedIn)
	if g, err := r.Replay.Group(); err == nil {
		row("root", "%s", g.Root())
	}
	if len(r.Checkpoints) > 0 {
		c := r.Checkpoints[len(r.Checkpoints)-1]
		row("checkpoint", "%d entries, %s", c.Size, c.Hash)
		row("witnesses", "%s", cosigners(r.Checkpoints))
	}
	if cfg.Head == nil {
		row("head", "none was given")
	} else if h, err := setlog.OpenHead(cfg.Head, cfg.Verifier); err == nil {
		row("head", "seq %d, issued %s, %d older roots, all in the log", h.Seq, time.Unix(int64(h.Issued), 0).UTC().Format(time.RFC3339), len(h.Window))
	}
	if n := len(cfg.Seen); n > 0 {
		row("seen", "the log extends all %d checkpoints and heads seen before", n)
	}
	if len(r.Days) > 0 {
		fmt.Fprintf(w, "\n  %-11s %9s %9s %9s %9s %9s %9s %9s\n", "day", "enrolled", "removed", "keys out", "keys in", "announced", "batches", "people")
	}
	for _, d := range r.Days {
		fmt.Fprintf(w, "  %-11s %9d %9d %9d %9d %9d %9d %9d\n", d.Date(), d.Enrolled, d.Removed, d.RekeyedOut, d.RekeyedIn, d.Announced, d.Batches, d.Live)
	}
	if len(r.Documents) > 0 {
		fmt.Fprintf(w, "\n  %-11s %-10s %-7s %s\n", "day", "document", "seq", "SHA-256")
	}
	for _, d := range r.Documents {
		fmt.Fprintf(w, "  %-11s %-10s %-7d %x\n", (setlog.AuditDay{Day: d.Day}).Date(), d.Op, d.Seq, d.Hash)
	}
}

// cosigners names who has cosigned the largest of the checkpoints.
func cosigners(all []setlog.AuditedCheckpoint) string {
	size := all[len(all)-1].Size
	var names []string
	said := map[string]bool{}
	for _, c := range all {
		for _, sig := range c.Cosigned {
			text := sig.Name + " (not checked: no key was given)"
			if sig.Checked {
				text = sig.Name
				if !sig.At.IsZero() {
					text += " at " + sig.At.Format(time.RFC3339)
				}
			}
			if c.Size == size && !said[text] {
				said[text] = true
				names = append(names, text)
			}
		}
	}
	if len(names) == 0 {
		return "none: nobody but the issuer has signed"
	}
	return strings.Join(names, ", ")
}
