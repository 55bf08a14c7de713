// Command perhuman is the one command of the project: it makes keys, runs the
// services and checks what others claim.
//
//	perhuman dev -rp RP                run everything an app needs while it is written
//	perhuman verifier FLAGS            run a verifier service
//	perhuman verify FLAGS post.json    check a post bundle, with no network
//	perhuman recount FLAGS FILE|URL    count a published poll again
//	perhuman audit FLAGS [URL|PATH]    replay an issuer's log, name a lie or report
//	perhuman issuer COMMAND FLAGS      run an issuer
//	perhuman party COMMAND FLAGS       run one of the three machines of the private matcher
//	perhuman witness FLAGS             cosign logs that only grow (C2SP tlog-witness)
//	perhuman wallet COMMAND FLAGS      hold a person's secret
//	perhuman doctor FLAGS              look at this machine, an issuer, a site, a database
//	perhuman help [COMMAND]            all commands; or the flags of one
//
// Secrets are read from files that only their owner can read, never from the
// command line, and are never printed. Exit status: 0 good, 1 a claim that does
// not hold, 2 a command that was not understood or could not run.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], env{out: os.Stdout, err: os.Stderr, rand: rand.Reader, getenv: os.Getenv})
	stop()
	os.Exit(code)
}

// env is what a command may touch.
type env struct {
	out, err io.Writer
	rand     io.Reader
	getenv   func(string) string // nil: nothing is set
}

// command is one entry of the table: words that select it, a line of help.
type command struct {
	words []string
	help  string
	run   func(ctx context.Context, args []string, e env) error
}

func commands() []command {
	return []command{
		{[]string{"issuer", "keygen"}, "NAME  make an issuer's keys, and print the line that pins it", issuerKeygen},
		{[]string{"issuer", "rotate"}, "make the signing key that follows another one, and say how to change over", issuerRotate},
		{[]string{"issuer", "config", "print"}, "show what flags, environment and file come to, secrets left out", issuerConfigPrint},
		{[]string{"issuer", "doctor"}, "look at an issuer's files, database, witnesses and service", issuerDoctor},
		{[]string{"issuer", "import"}, "take members over from another group; goes on where it stopped", issuerImport},
		{[]string{"issuer", "fsck"}, "rebuild set and log from the entries of a database that nobody serves, open every template, and compare", issuerFsck},
		{[]string{"issuer", "backup", "check"}, "-file BACKUP or -db FILE|DSN  compute again all that follows from the log, and name what is wrong; needs no key", issuerBackupCheck},
		{[]string{"issuer", "backup"}, "-db FILE|DSN TO  copy an issuer's database into a file, while it serves, and check the copy", issuerBackup},
		{[]string{"issuer", "restore"}, "-db FILE|DSN FROM  read a backup into an empty database", issuerRestore},
		{[]string{"issuer", "serve"}, "run an issuer service; -help lists its flags", issuerServe},
		{[]string{"party", "init"}, "make the folder and keys of one of the three parties of a private matcher, and print its entry for the group file", partyInit},
		{[]string{"party", "group", "check"}, "FILE  say what a group file says, and its digest, which all three compare", partyGroupCheck},
		{[]string{"party", "group"}, "ENTRY0 ENTRY1 ENTRY2  print the group file of three parties", partyGroup},
		{[]string{"party", "serve"}, "run one party; -help lists its flags", partyServe},
		{[]string{"party", "config", "print"}, "show what flags, environment and file of a party come to", partyConfigPrint},
		{[]string{"party", "doctor"}, "check a party's files, and whether the next party answers", partyDoctor},
		{[]string{"party", "status"}, "say what a folder holds that no process has open: places, pending, epoch, next number", partyStatus},
		{[]string{"party", "fsck"}, "read and check roll, mark and every record of such a folder; repairs nothing", partyFsck},
		{[]string{"party", "receipt"}, "RECEIPT...  check parties' receipts of a deletion against the group file", partyReceipt},
		{[]string{"verifier", "keygen"}, "[-test] FILE  make an app key, a site's secret or an admin token", verifierKeygen},
		{[]string{"verifier", "config", "print"}, "show what flags and environment come to, secrets left out", verifierConfig},
		{[]string{"verifier"}, "run a verifier service; -help lists its flags", verifierServe},
		{[]string{"verify"}, "check a post bundle, with no network", verifyPost},
		{[]string{"recount"}, "FILE|URL  count a published poll again: every proof, the frozen set and the log", recount},
		{[]string{"audit"}, "replay an issuer's log from outside: a report, or the lie by name", auditLog},
		{[]string{"witness", "keygen"}, "NAME  make a witness's key, and print the line that goes into policies", witnessKeygen},
		{[]string{"witness"}, "cosign issuers' logs that only grow, over HTTP", witnessServe},
		{[]string{"receipt", "check"}, "open the biometric commitment of an intake receipt", receiptCheck},
		{[]string{"receipt", "verify"}, "FILE  check receipts that a wallet saved, with the issuer's key and no network", receiptVerify},
		{[]string{"capture", "keygen"}, "FILE  make a root for virtual capture devices, which only test issuers pin", captureKeygen},
		{[]string{"capture", "virtual"}, "capture a synthetic person's irises for a test issuer", captureVirtual},
		{[]string{"match", "report"}, "measure how well iris codes tell people apart, on made-up people or on your own file", matchReport},
		{[]string{"setup", "check"}, "check a powers-of-tau file: pin, points, powers", setupCheck},
		{[]string{"setup", "start"}, "open the Groth16 ceremony of the circuit of one depth", setupStart},
		{[]string{"setup", "contribute"}, "FOLDER  add a secret factor to a ceremony", setupContribute},
		{[]string{"setup", "finish"}, "verify a ceremony, add the beacon, write the keys", setupFinish},
		{[]string{"setup", "plonk"}, "write the PLONK keys that follow from the powers", setupPlonk},
		{[]string{"setup", "verify"}, "compute a set-up's keys again and compare", setupVerify},
		{[]string{"wallet", "new"}, "make a wallet: one person's secret, under a passphrase", walletNew},
		{[]string{"wallet", "restore"}, "make one out of a backup: file, words or code", walletRestore},
		{[]string{"wallet", "import"}, "make one out of a Semaphore v4 identity", walletImport},
		{[]string{"wallet", "follow"}, "follow another issuer, or one under its next key or address", walletFollow},
		{[]string{"wallet", "status"}, "read the issuers' logs: is this person a member, in how large a crowd", walletStatus},
		{[]string{"wallet", "enrol"}, "start a session for a capture device or, with its envelope, enrol", walletEnrol},
		{[]string{"wallet", "recover"}, "the same for a person who lost the old secret: by a new capture, after a wait", walletRecover},
		{[]string{"wallet", "veto"}, "say who takes this place over, and with -yes stop it", walletVeto},
		{[]string{"wallet", "delete"}, "say what leaving a set does and, with -yes, leave it", walletDelete},
		{[]string{"wallet", "receipts"}, "list what issuers have signed, each checked, or save it for receipt verify", walletReceipts},
		{[]string{"wallet", "prove"}, "say what a site asks and, with -yes, answer it with a proof", walletProve},
		{[]string{"wallet", "backup"}, "write an encrypted file, or print the words or the code for paper", walletBackup},
		{[]string{"wallet", "export"}, "print the identity as official Semaphore clients read it", walletExport},
		{[]string{"wallet", "passphrase"}, "put it under another passphrase", walletPassphrase},
		{[]string{"wallet", "wipe"}, "say what this folder holds and, with -yes, remove it", walletWipe},
		{[]string{"wallet", "history"}, "print what was proven where, or erase it", walletHistory},
		{[]string{"dev"}, "run issuer, verifier and a simulator wallet for an app that is being written", devServe},
		{[]string{"doctor"}, "look at this machine and, if told where, at an issuer, a site, a database, secret files", doctor},
		{[]string{"loadtest", "server"}, "the other process of a load test", loadtestServer},
		{[]string{"loadtest"}, "measure a verifier service on this machine, over loopback", loadtestRun},
		{[]string{"healthcheck"}, "URL  ask a service whether it is ready: exit status 0 or 1", healthcheck},
		{[]string{"version"}, "say which build this is; -sbom lists what it was linked from", version},
	}
}

// errClaim marks the finding that a claim does not hold: exit status 1.
var errClaim = errors.New("does not hold")

// errUsage marks a command line that was not understood; what to do about it
// has been printed.
var errUsage = errors.New("usage")

// errHelp marks a command that was asked for its flags, and has listed them.
var errHelp = errors.New("help")

func run(ctx context.Context, args []string, e env) int {
	if len(args) > 0 && slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		return status(help(ctx, args[1:], e), e)
	}
	for _, c := range commands() {
		if len(args) < len(c.words) || !equal(args, c.words) {
			continue
		}
		rest := args[len(c.words):]
		if len(rest) > 0 && slices.Contains([]string{"-h", "-help", "--help"}, rest[0]) {
			e.err = e.out // asked for, so no error
		}
		return status(c.run(ctx, rest, e), e)
	}
	return status(unknown(args, e), e)
}

// status gives the exit status of what a command came to, and says it.
func status(err error, e env) int {
	switch {
	case err == nil, errors.Is(err, errHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	case errors.Is(err, errClaim):
		fmt.Fprintln(e.err, "perhuman:", err)
		return 1
	}
	fmt.Fprintln(e.err, "perhuman:", err)
	return 2
}

// equal tells whether a begins with b.
func equal(a, b []string) bool {
	for i := range b {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func join(words []string) string {
	s := words[0]
	for _, w := range words[1:] {
		s += " " + w
	}
	return s
}
