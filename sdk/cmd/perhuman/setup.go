package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/consensys/gnark/backend/plonk"

	"github.com/perhuman/perhuman/semaphore/circuit"
	"github.com/perhuman/perhuman/semaphore/circuit/setup"
)

// The files of a set-up's folder. Start and contributions are numbered from 0.
const (
	phase2File = "%04d.phase2"
	beaconFile = "beacon"
	grothPK    = "groth16.pk"
	grothVK    = "groth16.vk"
	plonkPK    = "plonk.pk"
	plonkVK    = "plonk.vk"
)

// powersFlags name a powers-of-tau file and the circuit that keys are made for.
type powersFlags struct {
	ptau, pin *string
	depth     *int
}

func powersOf(f *flag.FlagSet) powersFlags {
	return powersFlags{
		ptau:  f.String("ptau", "", "powers-of-tau file (.ptau)"),
		pin:   f.String("pin", "", "its SHA-256 or BLAKE2b-512 in hexadecimal, from whoever ran the ceremony"),
		depth: f.Int("depth", 20, "tree depth of the circuit"),
	}
}

// read loads as many powers as are asked for; power 0 is all of them.
func (p powersFlags) read(power int) (*setup.Powers, error) {
	pin, err := setup.ParsePin(*p.pin)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(*p.ptau)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return setup.ReadPtau(bufio.NewReaderSize(f, 1<<20), pin, power)
}

// setupCheck reads a powers-of-tau file and believes none of it.
func setupCheck(ctx context.Context, args []string, e env) error {
	f := flags("setup check", "-ptau FILE -pin HEX", e)
	p := powersOf(f)
	if err := parse(f, args, 0); err != nil {
		return err
	}
	var powers *setup.Powers
	err := await(ctx, func() (err error) {
		powers, err = p.read(0)
		return err
	})
	if err != nil {
		return setupClaim(err)
	}
	fmt.Fprintf(e.out, "2^%d powers of tau; the pin fits, every point is checked\n", powers.Power())
	return nil
}

// setupStart opens the ceremony of one circuit.
func setupStart(ctx context.Context, args []string, e env) error {
	f := flags("setup start", "-ptau FILE -pin HEX -depth N FOLDER", e)
	p := powersOf(f)
	if err := parse(f, args, 1); err != nil {
		return err
	}
	return await(ctx, func() error {
		c, err := p.ceremony(e)
		if err != nil {
			return setupClaim(err)
		}
		if err := os.MkdirAll(f.Arg(0), 0o755); err != nil { // #nosec G301 -- a ceremony is public
			return err
		}
		if err := create(f.Arg(0), fmt.Sprintf(phase2File, 0), bytes.NewReader(c.StartFile())); err != nil {
			return err
		}
		fmt.Fprintf(e.out, "start %x\n", c.Start())
		return nil
	})
}

// setupContribute adds a secret factor to the last state in the folder.
func setupContribute(ctx context.Context, args []string, e env) error {
	f := flags("setup contribute", "FOLDER", e)
	if err := parse(f, args, 1); err != nil {
		return err
	}
	return await(ctx, func() error {
		files, err := phase2(f.Arg(0))
		if err != nil {
			return err
		}
		chain, err := setup.ReadStart(files[0])
		if err != nil {
			return setupClaim(err)
		}
		next, err := chain.Contribute(files[1:])
		if err != nil {
			return setupClaim(err)
		}
		if err := create(f.Arg(0), fmt.Sprintf(phase2File, len(files)), bytes.NewReader(next)); err != nil {
			return err
		}
		fmt.Fprintf(e.out, "contribution %d %x\n", len(files), sha256.Sum256(next))
		return nil
	})
}

// setupFinish verifies the ceremony, adds the beacon and writes the keys.
func setupFinish(ctx context.Context, args []string, e env) error {
	f := flags("setup finish", "-ptau FILE -pin HEX -depth N -beacon HEX FOLDER", e)
	p := powersOf(f)
	beacon := f.String("beacon", "", "public randomness from after the last contribution, in hexadecimal")
	if err := parse(f, args, 1); err != nil {
		return err
	}
	return await(ctx, func() error {
		keys, err := p.seal(e, f.Arg(0), *beacon)
		if err != nil {
			return setupClaim(err)
		}
		keys[beaconFile] = []byte(strings.ToLower(*beacon) + "\n")
		return keys.write(e, f.Arg(0))
	})
}

// setupPlonk makes the keys of PLONK, which need no ceremony of their own.
func setupPlonk(ctx context.Context, args []string, e env) error {
	f := flags("setup plonk", "-ptau FILE -pin HEX -depth N FOLDER", e)
	p := powersOf(f)
	if err := parse(f, args, 1); err != nil {
		return err
	}
	return await(ctx, func() error {
		keys, err := p.plonk()
		if err != nil {
			return setupClaim(err)
		}
		if err := os.MkdirAll(f.Arg(0), 0o755); err != nil { // #nosec G301 -- a ceremony is public
			return err
		}
		return keys.write(e, f.Arg(0))
	})
}

// setupVerify computes the keys in a folder again from everything they claim to
// come from.
func setupVerify(ctx context.Context, args []string, e env) error {
	f := flags("setup verify", "-ptau FILE -pin HEX -depth N FOLDER", e)
	p := powersOf(f)
	if err := parse(f, args, 1); err != nil {
		return err
	}
	dir := f.Arg(0)
	return await(ctx, func() error {
		all := make(keyFiles)
		for _, kind := range []struct {
			vk   string
			make func() (keyFiles, error)
		}{
			{grothVK, func() (keyFiles, error) {
				beacon, err := readFile(filepath.Join(dir, beaconFile))
				if err != nil {
					return nil, err
				}
				return p.seal(e, dir, strings.TrimSuffix(string(beacon), "\n"))
			}},
			{plonkVK, p.plonk},
		} {
			if _, err := os.Stat(filepath.Join(dir, kind.vk)); errors.Is(err, os.ErrNotExist) {
				continue
			}
			keys, err := kind.make()
			if err != nil {
				return setupClaim(err)
			}
			for name, b := range keys {
				all[name] = b
			}
		}
		if len(all) == 0 {
			return fmt.Errorf("%s holds no verifying keys", dir)
		}
		for name, b := range all {
			same, err := holds(filepath.Join(dir, name), b)
			if err != nil {
				return err
			}
			if !same {
				return fmt.Errorf("%w: %s is not what its set-up gives", errClaim, name)
			}
		}
		fmt.Fprintf(e.out, "the keys in %s follow from their set-up\n", dir)
		return nil
	})
}

func (p powersFlags) ceremony(e env) (*setup.Ceremony, error) {
	system, err := circuit.R1CS(*p.depth)
	if err != nil {
		return nil, err
	}
	powers, err := p.read(setup.Power(system))
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(e.err, "computing the start of phase 2: about a minute at depth 20")
	return setup.NewCeremony(system, powers)
}

// seal gives the Groth16 keys of the folder's transcript.
func (p powersFlags) seal(e env, dir, beaconText string) (keyFiles, error) {
	beacon, err := hex.DecodeString(beaconText)
	if err != nil {
		return nil, fmt.Errorf("the beacon is not hexadecimal")
	}
	if len(beacon) < setup.MinBeacon {
		return nil, setup.ErrBeacon
	}
	files, err := phase2(dir)
	if err != nil {
		return nil, err
	}
	c, err := p.ceremony(e)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(files[0], c.StartFile()) {
		return nil, fmt.Errorf("%w: the folder's start is that of another circuit or of other powers", errClaim)
	}
	pk, vk, err := c.Seal(files[1:], beacon)
	if err != nil {
		return nil, err
	}
	return serialise(map[string]rawWriter{grothPK: pk, grothVK: vk})
}

func (p powersFlags) plonk() (keyFiles, error) {
	system, err := circuit.SCS(*p.depth)
	if err != nil {
		return nil, err
	}
	powers, err := p.read(setup.PowerPLONK(system))
	if err != nil {
		return nil, err
	}
	canonical, lagrange, err := setup.SRS(powers, system)
	if err != nil {
		return nil, err
	}
	pk, vk, err := plonk.Setup(system, canonical, lagrange)
	if err != nil {
		return nil, err
	}
	return serialise(map[string]rawWriter{plonkPK: pk, plonkVK: vk})
}
