// Package backup holds the forms in which a wallet's secret may leave the
// wallet on purpose, for programs; the page in the browser has the same forms in
// JavaScript, and one file of vectors holds the two together.
//
//   - [Code]: "PH1-" and eleven groups of five symbols, with a checksum. Short
//     enough to be drawn as a QR code that a phone reads at once.
//   - [Words]: 25 English words, with a checksum. For paper and for people.
//   - [Seal]: a file, encrypted under a passphrase, that also brings along which
//     slots were used, the receipts and the history.
//
// Whoever has any of the three (and the passphrase of the last) is the person,
// at every site, past and future. Nothing here blocks; Seal and Open derive a
// key on purpose slowly, some tenths of a second.
//
// The words are those of BIP-39 (English), because they are chosen to be told
// apart: the first four letters of each are its own. The encoding is not that of
// BIP-39: 25 words hold the 256 bits and 19 bits of a checksum that names this
// use, so no other program takes them for the seed of something else, and one
// error in half a million slips through instead of one in 256.
package backup

import (
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// SecretSize is the length in bytes of a secret that has a code and words.
// Identities made elsewhere may have others: they have the file only, and the
// official export.
const SecretSize = 32

// Errors of readers. None of them quotes what was read.
var (
	// ErrMalformed: it has not the form of a backup.
	ErrMalformed = errors.New("backup: not a backup of this form")
	// ErrMistyped: the form is right, the checksum is not.
	ErrMistyped = errors.New("backup: the checksum does not match; something is mistyped")
	// ErrUnsupported: only secrets of SecretSize have a code and words.
	ErrUnsupported = errors.New("backup: this secret has no code and no words; use the file")
	// ErrPassphrase: the file does not open under this passphrase, or was changed.
	ErrPassphrase = errors.New("backup: the passphrase does not open this file")
)

// WordError says which word is none of the list. It wraps ErrMalformed.
type WordError struct{ Position int } // from 1

// Error says where, not what.
func (e *WordError) Error() string {
	return fmt.Sprintf("backup: word %d is not one of the list", e.Position)
}

// Unwrap makes it an ErrMalformed.
func (e *WordError) Unwrap() error { return ErrMalformed }

// List is the text of the word list: 2048 lines, sorted.
//
//go:embed words.txt
var List string

const (
	wordCount    = 25
	wordBits     = 11
	wordChecksum = wordCount*wordBits - 8*SecretSize // 19
	wordPrefix   = 4

	codePrefix   = "PH1"
	codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford's
	codeSymbols  = 55
	codePadding  = 5*codeSymbols - 8*(SecretSize+2) // 3
)

func checksum(domain string, secret []byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte(domain), secret...))
}

// digits writes n bits of v as symbols of a number of bits, most significant
// first.
func digits(v *big.Int, count int, bits uint, symbol func(i int)) {
	mask := new(big.Int).SetUint64(1<<bits - 1)
	for i := count - 1; i >= 0; i-- {
		d := new(big.Int).Rsh(v, uint(i)*bits)
		symbol(int(d.And(d, mask).Int64()))
	}
}

// Words gives the 25 words of a secret.
func Words(secret []byte) ([]string, error) {
	if len(secret) != SecretSize {
		return nil, ErrUnsupported
	}
	sum := checksum("perhuman/words/1", secret)
	v := new(big.Int).SetBytes(secret)
	v.Lsh(v, wordChecksum).Or(v, new(big.Int).SetUint64((uint64(sum[0])<<16|uint64(sum[1])<<8|uint64(sum[2]))>>(24-wordChecksum)))
	list := strings.Fields(List)
	words := make([]string, 0, wordCount)
	digits(v, wordCount, wordBits, func(i int) { words = append(words, list[i]) })
	return words, nil
}

// ParseWords reads the words however they were typed: any case, with numbers
// or commas between them, each cut after its fourth letter or later.
func ParseWords(text string) ([]byte, error) {
	typed := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r < 'a' || r > 'z' })
	if len(typed) != wordCount {
		return nil, fmt.Errorf("%w: %d words, and there are to be %d", ErrMalformed, len(typed), wordCount)
	}
	v := new(big.Int)
	for i, t := range typed {
		n := find(t)
		if n < 0 {
			return nil, &WordError{i + 1}
		}
		v.Lsh(v, wordBits).Or(v, big.NewInt(int64(n)))
	}
	secret := new(big.Int).Rsh(v, wordChecksum).FillBytes(make([]byte, SecretSize))
	want, err := Words(secret)
	if err != nil {
		return nil, err
	}
	if find(typed[wordCount-1]) != find(want[wordCount-1]) || find(typed[wordCount-2]) != find(want[wordCount-2]) {
		return nil, ErrMistyped
	}
	return secret, nil
}

// find gives the place of a word in the list, or -1.
func find(typed string) int {
	i := 0
	for word := range strings.FieldsSeq(List) {
		if typed == word || len(typed) >= wordPrefix && strings.HasPrefix(word, typed) {
			return i
		}
		i++
	}
	return -1
}

// Code gives the short code of a secret.
func Code(secret []byte) (string, error) {
	if len(secret) != SecretSize {
		return "", ErrUnsupported
	}
	sum := checksum("perhuman/backup/1", secret)
	v := new(big.Int).SetBytes(append(append([]byte(nil), secret...), sum[:2]...))
	v.Lsh(v, codePadding)
	out, n := []byte(codePrefix), 0
	digits(v, codeSymbols, 5, func(i int) {
		if n%5 == 0 {
			out = append(out, '-')
		}
		out, n = append(out, codeAlphabet[i]), n+1
	})
	return string(out), nil
}

// ParseCode reads a code however it was typed: any case, with or without
// hyphens and blanks, O for 0 and I or L for 1.
func ParseCode(text string) ([]byte, error) {
	strip := strings.NewReplacer("-", "", " ", "", "\t", "", "\r", "", "\n", "", "O", "0", "I", "1", "L", "1")
	symbols := strings.TrimPrefix(strip.Replace(strings.ToUpper(text)), codePrefix)
	if len(symbols) != codeSymbols {
		return nil, ErrMalformed
	}
	v := new(big.Int)
	for i := range len(symbols) {
		n := strings.IndexByte(codeAlphabet, symbols[i])
		if n < 0 {
			return nil, ErrMalformed
		}
		v.Lsh(v, 5).Or(v, big.NewInt(int64(n)))
	}
	if v.TrailingZeroBits() < codePadding && v.Sign() != 0 {
		return nil, ErrMalformed
	}
	raw := v.Rsh(v, codePadding).FillBytes(make([]byte, SecretSize+2))
	sum := checksum("perhuman/backup/1", raw[:SecretSize])
	if raw[SecretSize] != sum[0] || raw[SecretSize+1] != sum[1] {
		return nil, ErrMistyped
	}
	return raw[:SecretSize:SecretSize], nil
}
