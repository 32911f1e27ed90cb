package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// document is a config file as text, of which only the list of changes is edited:
// every other byte stays.
type document struct {
	lines []string // each with its end
	end   string   // of a line
	root  *yaml.Node
	key   *yaml.Node // changes; nil if there is none
	list  *yaml.Node // what it holds
}

// open finds the list of changes in a file that was read without a fault.
func open(data []byte) (*document, error) {
	d := &document{end: "\n"}
	if bytes.Contains(data, []byte("\r\n")) {
		d.end = "\r\n"
	}
	for line := range bytes.Lines(data) {
		d.lines = append(d.lines, string(line))
	}
	var doc yaml.Node
	if err := yaml.Load(data, &doc); err != nil {
		return nil, err
	}
	d.root = doc.Content[0]
	for i := 0; i+1 < len(d.root.Content); i += 2 {
		if d.root.Content[i].Value == "changes" {
			d.key, d.list = d.root.Content[i], d.root.Content[i+1]
		}
	}
	return d, nil
}

func (d *document) bytes() []byte { return []byte(strings.Join(d.lines, "")) }

func flow(n *yaml.Node) bool { return n.Style&yaml.FlowStyle != 0 }

// add adds a record to the end of the list; record is its lines, without indent.
func (d *document) add(record []string) error {
	switch {
	case flow(d.root):
		return fmt.Errorf("the file is one mapping in braces, which is not edited")
	case d.key == nil:
		d.append(append([]string{"changes:"}, item(record, 2)...))
	case d.list.Kind == yaml.SequenceNode && len(d.list.Content) > 0 && flow(d.list):
		return fmt.Errorf("changes is a list in brackets, which is not edited: write it with a line for each record")
	case d.list.Kind == yaml.SequenceNode && len(d.list.Content) > 0:
		d.insert(d.after(len(d.list.Content)-1), item(record, d.list.Column-1))
	default:
		if err := d.empty(); err != nil {
			return err
		}
		d.insert(d.key.Line, item(record, 2))
	}
	return nil
}

// empty takes the value of an empty list away, so that items may follow.
func (d *document) empty() error {
	if d.list.Kind == yaml.ScalarNode && d.list.Value == "" {
		return nil // nothing is written there
	}
	if d.list.Line != d.key.Line {
		return fmt.Errorf("changes has an empty value on a line of its own, which is not edited")
	}
	line := d.lines[d.list.Line-1]
	from := columnToByte(line, d.list.Column)
	text := "null"
	switch {
	case d.list.Kind == yaml.SequenceNode:
		to := strings.IndexByte(line[from:], ']')
		if to < 0 {
			return fmt.Errorf("changes is an empty list over several lines, which is not edited")
		}
		text = line[from : from+to+1]
	default:
		text = d.list.Value
	}
	d.lines[d.list.Line-1] = strings.TrimRight(line[:from], " ") + strings.TrimPrefix(line[from:], text)
	return nil
}

// remove takes the i-th record away.
func (d *document) remove(i int) error {
	if flow(d.root) || flow(d.list) {
		return fmt.Errorf("changes is a list in brackets, which is not edited: write it with a line for each record")
	}
	d.lines = slices.Delete(d.lines, d.begins(i), d.after(i))
	if len(d.list.Content) == 1 {
		line := d.key.Line - 1
		colon := columnToByte(d.lines[line], d.key.Column) + len("changes:")
		d.lines[line] = d.lines[line][:colon] + " []" + d.lines[line][colon:]
	}
	return nil
}

// begins returns the number of lines before the i-th record, which begins with its
// dash.
func (d *document) begins(i int) int {
	line := d.list.Content[i].Line - 1
	for line > d.list.Line-1 && !strings.HasPrefix(d.lines[line], strings.Repeat(" ", d.list.Column-1)+"-") {
		line--
	}
	return line
}

// after returns the number of lines before what follows the i-th record. Empty
// lines and comments that stand further out than the list belong to what follows.
func (d *document) after(i int) int {
	if i+1 < len(d.list.Content) {
		return d.back(d.begins(i+1), d.list.Content[i].Line, 0)
	}
	next := len(d.lines)
	for k := 0; k < len(d.root.Content); k += 2 {
		if line := d.root.Content[k].Line - 1; line >= d.list.Content[i].Line && line < next {
			next = line
		}
	}
	for k, line := range d.lines {
		if k >= d.list.Content[i].Line && k < next && strings.HasPrefix(line, "...") {
			next = k // the end of the document is marked
		}
	}
	return d.back(next, d.list.Content[i].Line, d.list.Column-1)
}

// back goes back over empty lines and comments, down to a line. Comments that are
// indented by least or more belong to what stands before them, unless least is 0.
func (d *document) back(from, down, least int) int {
	for from > down {
		text := strings.TrimSpace(d.lines[from-1])
		indent := len(d.lines[from-1]) - len(strings.TrimLeft(d.lines[from-1], " "))
		comment := strings.HasPrefix(text, "#") && (least == 0 || indent < least)
		if text != "" && !comment {
			break
		}
		from--
	}
	return from
}

// item is a record as an item of a list.
func item(record []string, indent int) (lines []string) {
	for i, line := range record {
		mark := "  "
		if i == 0 {
			mark = "- "
		}
		lines = append(lines, strings.Repeat(" ", indent)+mark+line)
	}
	return lines
}

func (d *document) append(lines []string) {
	at := len(d.lines)
	for k, line := range d.lines {
		if k >= d.root.Line && strings.HasPrefix(line, "...") {
			at = k
		}
	}
	d.insert(at, lines)
}

// insert puts lines before the line of number at.
func (d *document) insert(at int, lines []string) {
	if at > 0 && !strings.HasSuffix(d.lines[at-1], "\n") {
		d.lines[at-1] += d.end
	}
	for i := range lines {
		lines[i] += d.end
	}
	d.lines = slices.Insert(d.lines, at, lines...)
}

// columnToByte turns a column, which counts characters from 1, into an index.
func columnToByte(line string, column int) int {
	i := 0
	for at := range line {
		if i++; i == column {
			return at
		}
	}
	return len(line)
}
