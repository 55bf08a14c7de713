//go:build ignore

// Command tree builds a group of as many members as its argument says for every
// line that it reads, and answers with the processor time that it took, in
// milliseconds, and the root. The members are 2^240 + 0, 1, 2 and so on.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/perhuman/perhuman/semaphore"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "tree:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return errors.New("tree MEMBERS")
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil {
		return err
	}
	members := make([]semaphore.Element, n)
	for i := range members {
		members[i][1] = 1
		binary.BigEndian.PutUint64(members[i][24:], uint64(i))
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		begin := cpu()
		g, err := semaphore.NewGroup(members...)
		if err != nil {
			return err
		}
		spent := cpu() - begin
		fmt.Printf("%.3f %s\n", float64(spent.Microseconds())/1000, g.Root())
	}
	return lines.Err()
}

// cpu is the processor time of this process, all threads.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail with these arguments
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
