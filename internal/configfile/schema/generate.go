package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"math"
	"regexp"

	"github.com/fairlead-go/fairlead/internal/configfile"
)

// node is a schema. The order of its fields is the order in the output.
type node struct {
	Schema               string     `json:"$schema,omitempty"`
	Title                string     `json:"title,omitempty"`
	Description          string     `json:"description,omitempty"`
	Type                 any        `json:"type,omitempty"`
	Enum                 []string   `json:"enum,omitempty"`
	Pattern              string     `json:"pattern,omitempty"`
	Minimum              *int64     `json:"minimum,omitempty"`
	Maximum              *int64     `json:"maximum,omitempty"`
	Items                *node      `json:"items,omitempty"`
	Required             []string   `json:"required,omitempty"`
	Properties           properties `json:"properties,omitempty"`
	AdditionalProperties any        `json:"additionalProperties,omitempty"`
}

type property struct {
	name string
	node *node
}

// properties is a JSON object in the order of the struct.
type properties []property

func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, property := range p {
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		b.WriteByte(separator)
		fmt.Fprintf(&b, "%q:", property.name)
		value, err := encode(property.node)
		if err != nil {
			return nil, err
		}
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode is json.Marshal without the escapes that only HTML needs.
func encode(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return bytes.TrimSpace(b.Bytes()), err
}

// Generate returns the schema, indented, of the struct typeName that the
// package in the directory dir declares. All types must be in the module of
// that directory, except predeclared ones, time.Duration and time.Time. An error says
// what could not be read or has no schema.
func Generate(dir, typeName, title string) ([]byte, error) {
	m, pkg, err := openModule(dir)
	if err != nil {
		return nil, err
	}
	root, err := m.named(pkg, typeName)
	if err != nil {
		return nil, err
	}
	root.Schema = "http://json-schema.org/draft-07/schema#"
	root.Title = title
	compact, err := encode(root)
	if err != nil {
		return nil, err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, compact, "", "  "); err != nil {
		return nil, err
	}
	indented.WriteByte('\n')
	return indented.Bytes(), nil
}

// named returns the schema of a declared type.
func (m *module) named(pkg, name string) (*node, error) {
	d, s, err := m.lookup(pkg, name)
	if err != nil {
		return nil, err
	}
	n, err := m.node(d.expr, d)
	if err != nil {
		return nil, err
	}
	n.Description = d.doc
	n.Enum = s.strings[name]
	return n, nil
}

// node returns the schema of a type expression that stands in d.
func (m *module) node(expr ast.Expr, d *declaration) (*node, error) {
	switch expr := expr.(type) {
	case *ast.Ident:
		if n := predeclared(expr.Name); n != nil {
			return n, nil
		}
		return m.named(d.pkg, expr.Name)
	case *ast.SelectorExpr:
		if of, ok := expr.X.(*ast.Ident); ok {
			path := d.imports[of.Name]
			if path == "time" && expr.Sel.Name == "Duration" {
				return &node{Type: "string", Pattern: configfile.DurationPattern}, nil
			}
			if path == "time" && expr.Sel.Name == "Time" {
				return &node{Type: "string", Pattern: configfile.TimePattern}, nil
			}
			return m.named(path, expr.Sel.Name)
		}
	case *ast.ArrayType:
		items, err := m.node(expr.Elt, d)
		return &node{Type: orNull("array"), Items: items}, err
	case *ast.MapType:
		values, err := m.node(expr.Value, d)
		return &node{Type: orNull("object"), AdditionalProperties: values}, err
	case *ast.StructType:
		return m.object(expr, d)
	}
	return nil, fmt.Errorf("%s: no schema for a %T", d.name, expr)
}

var required = regexp.MustCompile(`\bRequired\.`)

func (m *module) object(expr *ast.StructType, d *declaration) (*node, error) {
	n := &node{Type: orNull("object"), AdditionalProperties: false}
	for _, field := range expr.Fields.List {
		doc := prose(field.Doc)
		if doc == "" {
			doc = prose(field.Comment)
		}
		for _, name := range field.Names {
			value, err := m.node(field.Type, d)
			if err != nil {
				return nil, err
			}
			if doc != "" {
				value.Description = doc
			}
			key := configfile.FieldName(name.Name)
			n.Properties = append(n.Properties, property{key, value})
			if required.MatchString(doc) {
				value.forbidNull()
				n.Required = append(n.Required, key)
				n.forbidNull() // without a value it would lack the key
			}
		}
	}
	return n, nil
}

// orNull is the type of a section, which may be left without a value.
func orNull(name string) []string { return []string{name, "null"} }

func (n *node) forbidNull() {
	if types, ok := n.Type.([]string); ok {
		n.Type = types[0]
	}
}

// predeclared returns the schema of a type of the language, nil if name isn't
// one that configuration files can hold.
func predeclared(name string) *node {
	bounds := func(least, most int64) *node {
		return &node{Type: "integer", Minimum: &least, Maximum: &most}
	}
	switch name {
	case "string":
		return &node{Type: "string"}
	case "bool":
		return &node{Type: "boolean"}
	case "float32", "float64":
		return &node{Type: "number"}
	case "int", "int64":
		return &node{Type: "integer"}
	case "uint8":
		return bounds(0, math.MaxUint8)
	case "uint16":
		return bounds(0, math.MaxUint16)
	case "uint32":
		return bounds(0, math.MaxUint32)
	}
	return nil
}
