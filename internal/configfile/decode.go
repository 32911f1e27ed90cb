package configfile

import (
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Document says on which line each value of a decoded document stands. The
// nil Document is one that was never written down: a Go literal.
type Document struct {
	lines map[string]int
	lost  map[string]bool // what could not be read
}

// Has reports whether the document says something about the path, be it zero.
func (d *Document) Has(path *Path) bool {
	if d == nil {
		return false
	}
	_, ok := d.lines[path.String()]
	return ok
}

// Lost reports whether the value at path, or one that encloses it, was at
// fault and could not be read. What the struct then says of it means nothing.
func (d *Document) Lost(path *Path) bool {
	if d == nil {
		return false
	}
	for {
		if d.lost[path.String()] {
			return true
		}
		if path == nil {
			return false
		}
		path = path.parent
	}
}

// Line returns the line of the value at path or, if that isn't written, of
// the closest enclosing one that is. It returns 0 for a nil Document.
func (d *Document) Line(path *Path) int {
	if d == nil {
		return 0
	}
	for {
		if line, ok := d.lines[path.String()]; ok || path == nil {
			return line
		}
		path = path.parent
	}
}

// Decode reads the one YAML document that data holds into the struct that
// into points to, and adds to faults what is wrong with it. What is at fault
// keeps its zero value; the rest is filled in, so that the caller can go on to
// look for faults of meaning. Decode returns nil if data is no YAML document
// at all.
//
// The struct may hold structs, maps with string keys, slices, strings, bools,
// integers, floats, time.Durations and time.Times, and types made from these. Another type
// is a fault of the program and panics.
func Decode(data []byte, into any, faults *Faults) *Document {
	root, ok := parse(data, faults)
	if !ok {
		return nil
	}
	d := &decoder{doc: &Document{lines: make(map[string]int), lost: make(map[string]bool)}, faults: faults}
	d.value(nil, root, root.Line, reflect.ValueOf(into).Elem())
	return d.doc
}

type decoder struct {
	doc    *Document
	faults *Faults
}

// lose records a fault that leaves the value unread.
func (d *decoder) lose(line int, path *Path, format string, args ...any) {
	d.doc.lost[path.String()] = true
	d.faults.Add(line, path, format, args...)
}

// value decodes the node into the value. The line is that of the key if the
// node has one: that is where a person looks.
func (d *decoder) value(path *Path, node *yaml.Node, line int, into reflect.Value) {
	d.doc.lines[path.String()] = line
	switch {
	case node.Kind == yaml.AliasNode:
		d.lose(line, path, "must be written out: aliases such as *%s are not supported", node.Value)
		return
	case node.Style&yaml.TaggedStyle != 0:
		d.lose(line, path, "must not have a tag, has %s", node.Tag)
		return
	}
	if into.Type() == timeType {
		if err := decodeTime(node, into); err != nil {
			d.lose(line, path, "%v", err)
		}
		return
	}
	switch kind := into.Kind(); kind {
	case reflect.Struct, reflect.Map:
		if isNull(node) {
			return
		}
		if node.Kind != yaml.MappingNode {
			d.lose(line, path, "must be a mapping, is %s", describe(node))
			return
		}
		if kind == reflect.Struct {
			d.fields(path, node, into)
		} else {
			d.entries(path, node, into)
		}
	case reflect.Slice:
		if isNull(node) {
			return
		}
		if node.Kind != yaml.SequenceNode {
			d.lose(line, path, "must be a list, is %s", describe(node))
			return
		}
		d.elements(path, node, into)
	default:
		if err := decodeScalar(node, into); err != nil {
			d.lose(line, path, "%v", err)
		}
	}
}

// fields decodes a mapping into a struct.
func (d *decoder) fields(path *Path, node *yaml.Node, into reflect.Value) {
	byName := make(map[string]reflect.Value, into.NumField())
	var names []string
	for i := range into.NumField() {
		name := FieldName(into.Type().Field(i).Name)
		byName[name] = into.Field(i)
		names = append(names, name)
	}
	d.pairs(path, node, func(at *Path, key string, keyNode, value *yaml.Node) {
		field, ok := byName[key]
		if !ok {
			d.faults.Add(keyNode.Line, at, "%s", unknownKey(key, names))
			return
		}
		d.value(at, value, keyNode.Line, field)
	})
}

// unknownKey says that the struct has no such key, and which it has.
func unknownKey(key string, names []string) string {
	if near := Nearest(key, names); near != "" {
		return "is not a known key; did you mean " + near + "?"
	}
	return "is not a known key; known here: " + strings.Join(names, ", ")
}

// entries decodes a mapping into a map. An entry whose value is at fault is
// kept, so that its name is known where the document refers to it.
func (d *decoder) entries(path *Path, node *yaml.Node, into reflect.Value) {
	into.Set(reflect.MakeMapWithSize(into.Type(), len(node.Content)/2))
	d.pairs(path, node, func(at *Path, key string, keyNode, value *yaml.Node) {
		entry := reflect.New(into.Type().Elem()).Elem()
		d.value(at, value, keyNode.Line, entry)
		into.SetMapIndex(reflect.ValueOf(key).Convert(into.Type().Key()), entry)
	})
}

// pairs calls visit for each key of a mapping that is a string and the first
// of its name.
func (d *decoder) pairs(path *Path, node *yaml.Node, visit func(at *Path, key string, keyNode, value *yaml.Node)) {
	first := make(map[string]int, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		keyNode, value := node.Content[i], node.Content[i+1]
		if problem := keyProblem(keyNode); problem != "" {
			d.faults.Add(keyNode.Line, path, "%s", problem)
			continue
		}
		key := keyNode.Value
		at := path.Key(key)
		if line, ok := first[key]; ok {
			d.faults.Add(keyNode.Line, at, "must be given once, is also on line %d", line)
			continue
		}
		first[key] = keyNode.Line
		visit(at, key, keyNode, value)
	}
}

func keyProblem(key *yaml.Node) string {
	switch {
	case key.Kind != yaml.ScalarNode:
		return "must have strings as keys, has " + describe(key)
	case isNull(key):
		return "must have strings as keys, has an empty one"
	case key.ShortTag() == "!!merge":
		return "must be written out: merge keys (<<) are not supported"
	case key.ShortTag() != "!!str" || key.Style&yaml.TaggedStyle != 0:
		return "must have strings as keys, has " + describe(key) + quoteHint(key)
	}
	return ""
}

// elements decodes a sequence into a slice. An element that is at fault is
// kept, so that the others keep their index.
func (d *decoder) elements(path *Path, node *yaml.Node, into reflect.Value) {
	into.Set(reflect.MakeSlice(into.Type(), len(node.Content), len(node.Content)))
	for i, element := range node.Content {
		d.value(path.Index(i), element, element.Line, into.Index(i))
	}
}
