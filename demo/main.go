// Command demo runs the whole of perhuman in one process on loopback: an
// issuer, a wallet's origin and "agora", a social board whose posts prove that
// one human wrote each of them, five a day and no more.
//
//	go run ./demo              # or make demo, which builds the pages first
//	go run ./demo -headless    # the story without a browser
//
// Data and keys are kept in ./var; deleting that folder starts over. Nothing
// is opened to the outside, and nothing is fetched from it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	sdkweb "github.com/perhuman/perhuman/sdk/web"
)

func main() {
	if dir, ok := os.LookupEnv(partyEnv); ok {
		signal.Ignore(os.Interrupt) // a party ends with its parent, which has to tell it things
		if err := partyProcess(dir, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "demo: party:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := demo(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(ctx context.Context, args []string, out, errOut io.Writer) error {
	cfg, err := parseFlags(args, errOut)
	if err != nil {
		return err
	}
	if cfg.headless {
		return headless(ctx, cfg, out)
	}
	if err := sdkweb.Built(); err != nil {
		return fmt.Errorf("%w: start it with make demo, which builds what the pages need", err)
	}
	logger := log.New(errOut, "", log.LstdFlags)
	l, err := cfg.open()
	if err != nil {
		return err
	}
	w, err := openWorld(ctx, cfg, logger.Printf)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	greet(out, cfg)
	err = w.run(ctx, l)
	fmt.Fprintln(out, "\nStopped. Everything is kept in", cfg.dir)
	return errors.Join(ignoreCancel(err), w.close())
}

func greet(out io.Writer, cfg config) {
	fmt.Fprintf(out, `perhuman: the demo is running, on this machine only

  The board    %s
  The wallet   %s
  The issuer   %s/enrol  (opened by the wallet)

Open the board and press "become verified". Then write a post, click its badge,
and try the page "Be a bot": %s/bot

A first start enrols %d made-up people, so that nobody stands alone in the set;
that takes a few seconds. Data and keys: %s (delete it to start over).
%sStop with Ctrl-C.
`, cfg.url(boardHost), cfg.url(walletHost), cfg.url(issuerHost), cfg.url(boardHost), cfg.crowd, cfg.dir, matcherWords(cfg))
}

func matcherWords(cfg config) string {
	if !cfg.mpc {
		return ""
	}
	return `
Three more processes compare people: the parties of the private matcher, each
with a folder and keys of its own (party-0, party-1, party-2). None of them can
read a template; any two together could, and here one hand runs all three.
`
}

func ignoreCancel(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
