package balancer

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/internal/configfile"
)

// Encode returns the config as a file that [ParseConfig] reads as the same
// config. Keys stand in the order of the struct's fields, names are sorted, and
// what is zero is left out. There is no secret in it, since there is none in a
// Config: LevelKey says only where one is.
func (c *Config) Encode() []byte {
	var e encoder
	e.fields(reflect.ValueOf(*c), 0)
	return e.Bytes()
}

// Config returns the config in force, with every default filled in. It is a copy.
func (r *Router) Config() *Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.config.withDefaults()
}

// encoder writes YAML: sections and names in block style, what stands in a list
// in one line each.
type encoder struct{ bytes.Buffer }

// fields writes the fields of a struct, or the entries of a map.
func (e *encoder) fields(v reflect.Value, depth int) {
	indent := strings.Repeat("  ", depth)
	for _, f := range fieldsOf(v) {
		fmt.Fprintf(e, "%s%s:", indent, f.key)
		kind := f.value.Kind()
		switch {
		case kind == reflect.Struct || kind == reflect.Map:
			e.WriteByte('\n')
			e.fields(f.value, depth+1)
		case kind == reflect.Slice && f.value.Type().Elem().Kind() == reflect.Struct:
			e.WriteByte('\n')
			for i := range f.value.Len() {
				fmt.Fprintf(e, "%s  - %s\n", indent, inline(f.value.Index(i)))
			}
		default:
			fmt.Fprintf(e, " %s\n", inline(f.value))
		}
	}
}

// field is one key with a value that isn't zero.
type field struct {
	key   string
	value reflect.Value
}

func fieldsOf(v reflect.Value) (fields []field) {
	if v.Kind() == reflect.Map {
		m := make(map[string]reflect.Value)
		for _, key := range v.MapKeys() {
			m[key.String()] = v.MapIndex(key)
		}
		for _, key := range slices.Sorted(maps.Keys(m)) {
			fields = append(fields, field{scalar(key), m[key]})
		}
		return fields
	}
	for i := range v.NumField() {
		if f := v.Field(i); !isEmpty(f) {
			fields = append(fields, field{configfile.FieldName(v.Type().Field(i).Name), f})
		}
	}
	return fields
}

// isEmpty reports whether a file leaves the value out.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}

// encodeInline writes a part of a config in one line.
func encodeInline(part any) string { return inline(reflect.ValueOf(part)) }

func inline(v reflect.Value) string {
	if d, ok := v.Interface().(time.Duration); ok {
		return encodeDuration(d)
	}
	if at, ok := v.Interface().(time.Time); ok {
		return at.Format(time.RFC3339Nano)
	}
	var parts []string
	switch v.Kind() {
	case reflect.Struct, reflect.Map:
		for _, f := range fieldsOf(v) {
			parts = append(parts, f.key+": "+inline(f.value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.Slice:
		for i := range v.Len() {
			parts = append(parts, inline(v.Index(i)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.String:
		return scalar(v.String())
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	}
	return fmt.Sprint(v.Interface())
}

// encodeDuration leaves out parts that are 0: 5m for 5m0s.
func encodeDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// plain matches strings that mean themselves without quotes, in lists too; word
// matches those of them that YAML would read as something else.
var (
	plain = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9._/-]*(:[A-Za-z0-9._/-]+)*$`)
	word  = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null)$`)
)

// scalar writes a string. In quotes every character but the plainest is escaped
// by its number.
func scalar(s string) string {
	if plain.MatchString(s) && !word.MatchString(s) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		if ' ' <= r && r <= '~' && r != '"' && r != '\\' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
