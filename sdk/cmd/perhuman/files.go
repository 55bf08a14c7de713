package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/perhuman/perhuman/semaphore/scope"
)

// flags makes a flag set that prints to the command's own streams.
func flags(name, usage string, e env) *flag.FlagSet {
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(e.err)
	f.Usage = func() {
		lines := wrap("usage: perhuman "+name+" "+usage, columns-4)
		fmt.Fprintln(f.Output(), strings.Join(lines, "\n    "))
	}
	return f
}

// parse reads flags, and wants so many words after them.
func parse(f *flag.FlagSet, args []string, rest int) error {
	if err := parseFlags(f, args); err != nil {
		return err
	}
	if f.NArg() != rest {
		f.Usage()
		return hint(f)
	}
	return nil
}

// parseFlags reads flags. What was wrong with them stands last, where it is
// seen; who asks for help gets all of them.
func parseFlags(f *flag.FlagSet, args []string) error {
	out := f.Output()
	f.SetOutput(io.Discard)
	err := f.Parse(args)
	f.SetOutput(out)
	switch {
	case errors.Is(err, flag.ErrHelp):
		f.Usage()
		listFlags(f)
		return errHelp
	case err != nil:
		f.Usage()
		_ = hint(f)
		fmt.Fprintln(out, "perhuman:", strings.Replace(err.Error(), "flag provided but not defined:", "there is no flag", 1))
		return errUsage
	}
	return nil
}

// listFlags says what each flag is for, on lines that fit a terminal.
func listFlags(f *flag.FlagSet) {
	kinds := map[string]string{"string": "TEXT", "value": "VALUE", "int": "N", "uint": "N", "float": "NUMBER", "duration": "DURATION"}
	f.VisitAll(func(g *flag.Flag) {
		kind, text := flag.UnquoteUsage(g)
		if name, ok := kinds[kind]; ok {
			kind = name
		}
		fmt.Fprintln(f.Output(), strings.TrimRight("  -"+g.Name+" "+kind, " "))
		if !slices.Contains([]string{"", "0", "0s", "false"}, g.DefValue) {
			text += " (default " + g.DefValue + ")"
		}
		for _, line := range wrap(text, columns-8) {
			fmt.Fprintln(f.Output(), "        "+line)
		}
	})
}

// missing says how a command is written, and last what this one lacks.
func missing(f *flag.FlagSet, what string) error {
	f.Usage()
	err := hint(f)
	fmt.Fprintln(f.Output(), "perhuman:", what)
	return err
}

// hint says where the flags of a command are listed.
func hint(f *flag.FlagSet) error {
	fmt.Fprintf(f.Output(), "\"perhuman help %s\" lists the flags\n", f.Name())
	return errUsage
}

const maxFile = 4 << 20

// readFile reads a file of bounded size.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return os.ReadFile(path)
}

// readSecret reads a one-line file that only its owner may read.
func readSecret(path string) (string, error) {
	text, err := readPrivate(path)
	if err != nil {
		return "", err
	}
	line := strings.TrimSuffix(text, "\n")
	if line == "" || strings.ContainsAny(line, "\r\n") {
		return "", fmt.Errorf("%s must hold one line", path)
	}
	return line, nil
}

// writeSecret makes a file that must not exist, for its owner alone.
func writeSecret(path, line string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// binary reads a file that holds bytes, or one line of base64url of them that
// starts like a text file of ours.
func binary(path string) ([]byte, error) {
	b, err := readFile(path)
	if err != nil {
		return nil, err
	}
	if raw, err := scope.DecodeToken(strings.TrimSuffix(string(b), "\n")); err == nil && len(raw) > 0 {
		return raw, nil
	}
	return b, nil
}

// exists says whether a file that must be there is, before something makes it.
func exists(path string) error {
	_, err := os.Stat(path)
	return err
}
