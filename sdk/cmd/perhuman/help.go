package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// families are the first words of commands, in the order in which people meet
// them, and what their commands are for; without it, what the command itself
// says.
var families = [...][2]string{
	{"dev"},
	{"verifier", "run a verifier service, which apps in any language ask"},
	{"verify"}, {"recount"}, {"audit"},
	{"wallet", "hold a person's secret"},
	{"receipt", "check what an issuer has signed for a person"},
	{"issuer", "run an issuer, which lets every person into a set once"},
	{"party", "run one of the three machines of a private matcher"},
	{"witness", "cosign the logs of issuers that only grow, by C2SP tlog-witness"},
	{"capture", "capture people who do not exist, for test issuers"},
	{"match", "measure how well iris codes tell people apart"},
	{"setup", "make and check the keys of a circuit of our own"},
	{"doctor"}, {"loadtest"}, {"healthcheck"}, {"version"},
}

const columns = 80

// overview lists everything: one entry for each first word.
func overview(w io.Writer) {
	fmt.Fprint(w, "perhuman: unique humans for any app, without learning who they are\n\nusage: perhuman COMMAND [flags]\n\n")
	var rows [][2]string
	for _, f := range families {
		var names []string
		what := f[1]
		for _, c := range commands() {
			switch {
			case c.words[0] != f[0]:
			case len(c.words) > 1:
				names = append(names, join(c.words[1:]))
			case what == "":
				_, what = split(c)
			}
		}
		if len(names) > 0 && f[1] != "" {
			what += " (" + strings.Join(names, ", ") + ")"
		}
		rows = append(rows, [2]string{f[0], what})
	}
	table(w, rows)
	fmt.Fprint(w, "\n\"perhuman help COMMAND\" says more and lists the flags. Exit status: 0 good,\n1 a claim that does not hold, 2 a command that was not understood or could not\nrun.\n")
}

// family lists the commands that begin with these words, if there are any.
func family(w io.Writer, words []string) bool {
	var rows [][2]string
	for _, c := range commands() {
		if len(c.words) >= len(words) && equal(c.words, words) {
			args, what := split(c)
			rows = append(rows, [2]string{strings.TrimSpace("perhuman " + join(c.words) + " " + args), what})
		}
	}
	if len(rows) == 0 {
		return false
	}
	table(w, rows)
	fmt.Fprint(w, "\nWith -help each lists its flags.\n")
	return true
}

// split takes what follows the words of a command apart from what it does.
func split(c command) (args, what string) {
	if a, b, ok := strings.Cut(c.help, "  "); ok {
		return a, b
	}
	return "", c.help
}

// table prints names and what they mean in two columns; a name that is wide has
// a line of its own.
func table(w io.Writer, rows [][2]string) {
	const widest = 34
	width := 0
	for _, r := range rows {
		if n := len(r[0]); n <= widest {
			width = max(width, n)
		}
	}
	for _, r := range rows {
		name := r[0]
		if len(name) > width {
			fmt.Fprintf(w, "  %s\n", name)
			name = ""
		}
		for _, line := range wrap(r[1], columns-width-4) {
			fmt.Fprintf(w, "  %-*s  %s\n", width, name, line)
			name = ""
		}
	}
}

// wrap cuts a text into lines of at most so many letters, at blanks.
func wrap(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}

// help answers "perhuman help WORDS".
func help(ctx context.Context, words []string, e env) error {
	if len(words) == 0 {
		overview(e.out)
		return nil
	}
	many := 0
	for _, c := range commands() {
		if len(c.words) >= len(words) && equal(c.words, words) {
			many++
		}
	}
	for _, c := range commands() {
		if len(c.words) == len(words) && equal(c.words, words) {
			if many > 1 { // it has others below it
				family(e.out, words)
				fmt.Fprintln(e.out)
			}
			e.err = e.out // asked for, so no error
			return c.run(ctx, []string{"-help"}, e)
		}
	}
	if family(e.out, words) {
		return nil
	}
	return unknown(words, e)
}

// unknown says which command there is none of, and what was perhaps meant.
func unknown(args []string, e env) error {
	if len(args) == 0 {
		overview(e.err)
		return errUsage
	}
	if slices.ContainsFunc(commands(), func(c command) bool { return c.words[0] == args[0] }) {
		var seconds []string
		for _, c := range commands() {
			if c.words[0] == args[0] && len(c.words) > 1 {
				seconds = append(seconds, c.words[1])
			}
		}
		family(e.err, args[:1])
		if len(args) > 1 { // last, where it is seen
			fmt.Fprintf(e.err, "perhuman: there is no command %q%s\n", join(args[:2]), meant(args[1], seconds, args[0]+" "))
		}
		return errUsage
	}
	var firsts []string
	for _, f := range families {
		firsts = append(firsts, f[0])
	}
	fmt.Fprintf(e.err, "perhuman: there is no command %q%s; \"perhuman help\" lists them\n", args[0], meant(args[0], firsts, ""))
	return errUsage
}

// meant names the word that was perhaps meant: at most two letters off, and
// fewer than the word has.
func meant(word string, words []string, before string) string {
	best, near := "", min(3, len(word))
	for _, w := range words {
		if d := distance(word, w); d < near {
			best, near = w, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", before+best)
}

// distance is Levenshtein's, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
