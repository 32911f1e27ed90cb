package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// MaxBytes is the size of the largest document that is read.
const MaxBytes = 1 << 20

// maxDepth bounds how deep collections may nest. The parser recurses, so this
// is checked while it runs.
const maxDepth = 20

// parse returns the root value of the only document in data.
func parse(data []byte, faults *Faults) (*yaml.Node, bool) {
	if len(data) > MaxBytes {
		faults.Add(0, nil, "must be at most %d bytes long", MaxBytes)
		return nil, false
	}
	if at := firstUnreadable(data); at >= 0 {
		faults.Add(1+bytes.Count(data[:at], []byte("\n")), nil, "must be text in UTF-8, has the byte %#02x", data[at])
		return nil, false
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithPlugin(limits{}))
	if err != nil {
		panic(err) // the options are constants
	}
	var document, second yaml.Node
	switch err := loader.Load(&document); {
	case errors.Is(err, io.EOF):
		faults.Add(0, nil, "is empty")
		return nil, false
	case err != nil:
		addSyntax(faults, data, err)
		return nil, false
	}
	switch err := loader.Load(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		addSyntax(faults, data, err)
		return nil, false
	default:
		faults.Add(second.Line, nil, "must hold one document, has a second")
	}
	return document.Content[0], true
}

// firstUnreadable returns the index of the first byte that is not part of
// text in UTF-8, -1 if there is none. The parser would find it too, but
// doesn't say on which line.
func firstUnreadable(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 || r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f {
			return i
		}
		i += size
	}
	return -1
}

// addSyntax records an error of the YAML parser.
func addSyntax(faults *Faults, data []byte, err error) {
	var at *yaml.LoadError
	if !errors.As(err, &at) {
		faults.Add(0, nil, "is not YAML: %v", err)
		return
	}
	// A document that ends too early is at fault beyond its last line.
	last := 1 + bytes.Count(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
	line := min(at.Mark.Line, last)
	hint := ""
	if startsWithTab(data, line) {
		hint = "; YAML indents with spaces, not tabs"
	}
	faults.Add(line, nil, "is not YAML: %s%s", strings.TrimSpace(at.Message), hint)
}

// startsWithTab reports whether there is a tab in the white space that the
// line, counted from 1, begins with.
func startsWithTab(data []byte, line int) bool {
	for text := range bytes.Lines(data) {
		if line--; line == 0 {
			indent := text[:len(text)-len(bytes.TrimLeft(text, " \t"))]
			return bytes.IndexByte(indent, '\t') >= 0
		}
	}
	return false
}

// limits keeps the parser from recursing deep.
type limits struct{}

func (limits) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > maxDepth {
		return fmt.Errorf("nests deeper than %d levels", maxDepth)
	}
	return nil
}

// CheckAlias has nothing to do: aliases are kept as such and then refused.
func (limits) CheckAlias(int, int) error { return nil }
