package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fairlead-go/fairlead/balancer"
)

// columns is the width of what is written for people.
const columns = 80

// table is text in columns. The last one takes what room is left and is wrapped;
// where the others are too wide the widest of them are cut, but no numbers.
type table struct {
	head  []string
	right []bool // the column's texts end below each other, not begin
	rows  [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

const (
	between   = 2  // columns of space
	leastLast = 18 // what the last column has, unless it needs less
	leastCut  = 8  // what a column keeps that is cut
)

func (t *table) write(w io.Writer) {
	all := t.rows
	if t.head != nil {
		all = append([][]string{t.head}, all...)
	}
	n := 0
	for _, row := range all {
		n = max(n, len(row))
	}
	if n == 0 {
		return
	}
	widths := make([]int, n)
	for _, row := range all {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	last := n - 1
	t.squeeze(widths)
	for _, row := range all {
		lines := wrap(at(row, last), widths[last])
		for k, line := range lines {
			var b strings.Builder
			for i := range last {
				cell := ""
				if k == 0 {
					cell = cut(at(row, i), widths[i])
				}
				b.WriteString(t.pad(i, cell, widths[i]))
				b.WriteString(strings.Repeat(" ", between))
			}
			if t.isRight(last) {
				line = t.pad(last, line, widths[last])
			}
			fmt.Fprintln(w, strings.TrimRight(b.String()+line, " "))
		}
	}
}

// squeeze makes the widths fit.
func (t *table) squeeze(widths []int) {
	last := len(widths) - 1
	for {
		room, widest := columns, -1
		for i := range last {
			room -= widths[i] + between
			if !t.isRight(i) && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		need := min(widths[last], leastLast)
		if room >= need || widest < 0 || widths[widest] <= leastCut {
			widths[last] = min(widths[last], max(room, need))
			return
		}
		widths[widest]--
	}
}

func (t *table) isRight(i int) bool { return i < len(t.right) && t.right[i] }

func (t *table) pad(i int, cell string, width int) string {
	space := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(cell)))
	if t.isRight(i) {
		return space + cell
	}
	return cell + space
}

func at(row []string, i int) string {
	if i < len(row) {
		return row[i]
	}
	return ""
}

// cut shortens a text to a number of characters.
func cut(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return string(runes[:width-1]) + "…"
}

// wrap breaks a text at spaces into lines of some width; a word that is longer than
// that anywhere. There is at least one line.
func wrap(text string, width int) []string {
	lines, line := []string{}, ""
	for _, word := range strings.Fields(printable(text)) {
		for {
			n := utf8.RuneCountInString(line)
			if n > 0 {
				n++
			}
			if n+utf8.RuneCountInString(word) <= width {
				if n > 0 {
					line += " "
				}
				line += word
				break
			}
			if line != "" {
				lines, line = append(lines, line), ""
				continue
			}
			runes := []rune(word)
			lines, word = append(lines, string(runes[:width])), string(runes[width:])
		}
	}
	return append(lines, line)
}

// wrapped is a text in lines, the first after a prefix and the others indented as
// far.
func wrapped(prefix, text string) string {
	var b strings.Builder
	n := utf8.RuneCountInString(prefix)
	if n > columns/2 {
		n = 4
	}
	for i, line := range wrap(text, columns-n) {
		if i > 0 {
			prefix = strings.Repeat(" ", n)
		}
		b.WriteString(strings.TrimRight(prefix+line, " ") + "\n")
	}
	return b.String()
}

// printable escapes what a terminal would obey or hide.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) || r == '\n' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}

// tell writes an error. The faults of a config stand in a line each, however long:
// editors and terminals turn them into links.
func tell(w io.Writer, command string, err error) {
	var faults *balancer.ConfigError
	if errors.As(err, &faults) {
		fmt.Fprintln(w, printable(faults.Error()))
		return
	}
	for i, line := range strings.Split(strings.TrimPrefix(err.Error(), "balancer: "), "\n") {
		prefix := "fairleadctl " + command + ": "
		if i > 0 {
			prefix = "  "
		}
		fmt.Fprint(w, wrapped(prefix, line))
	}
}
