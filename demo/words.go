package main

import (
	"strings"
	"unicode"
)

const maxName = 64 // bytes

// readable tells whether there is anything to see in a text.
func readable(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) && r != '\u2800' // braille without a dot
	})
}

// isName tells whether a name can stand in a line with other words: it is one
// line, and does not turn around what follows it (Unicode, Bidi_Control).
func isName(s string) bool {
	return readable(s) && len(s) <= maxName && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.In(r, unicode.Zl, unicode.Zp)
	})
}

// oneLine puts words on one line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
