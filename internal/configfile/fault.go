package configfile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"
)

// maxFaults bounds how many faults are kept. Nobody mends more at once, and a
// file of another kind altogether has one on each line.
const maxFaults = 50

// maxQuoted is how many bytes of a value a message repeats.
const maxQuoted = 64

// Fault is one thing wrong with a document.
type Fault struct {
	Line    int    // counted from 1; 0: unknown
	Path    string // "": the document as a whole
	Problem string // a predicate: "must be …, is …"
}

// Faults collects the faults of one document. The zero value is empty.
type Faults struct {
	list []Fault
	more int
}

// Add records that the value at path, which stands on the line, is at fault.
// The problem is a predicate whose subject is the value.
func (f *Faults) Add(line int, path *Path, format string, args ...any) {
	if len(f.list) >= maxFaults {
		f.more++
		return
	}
	f.list = append(f.list, Fault{Line: line, Path: path.String(), Problem: fmt.Sprintf(format, args...)})
}

// List returns the faults in the order of their lines, and how many more
// there are that were not kept.
func (f *Faults) List() (faults []Fault, more int) {
	faults = slices.Clone(f.list)
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	return faults, f.more
}

// Quote returns the text in quotes for a message, shortened if it is long.
func Quote(text string) string {
	if len(text) <= maxQuoted {
		return strconv.Quote(text)
	}
	end := maxQuoted
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return strconv.Quote(text[:end]) + "…"
}
