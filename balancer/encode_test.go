package balancer

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/internal/configfile"
)

// encode writes a Config as a file, without what is zero.
func encode(c *Config) string { return encodeValue(reflect.ValueOf(*c)) }

func encodeValue(v reflect.Value) string {
	if d, ok := v.Interface().(time.Duration); ok {
		return d.String()
	}
	if at, ok := v.Interface().(time.Time); ok {
		return at.Format(time.RFC3339Nano)
	}
	var parts []string
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); !isEmpty(f) {
				parts = append(parts, configfile.FieldName(v.Type().Field(i).Name)+": "+encodeValue(f))
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.Map:
		m := make(map[string]reflect.Value)
		for _, key := range v.MapKeys() {
			m[key.String()] = v.MapIndex(key)
		}
		for _, key := range slices.Sorted(maps.Keys(m)) {
			parts = append(parts, strconv.Quote(key)+": "+encodeValue(m[key]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case reflect.Slice:
		for i := range v.Len() {
			parts = append(parts, encodeValue(v.Index(i)))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.String:
		return quoteYAML(v.String())
	}
	return fmt.Sprint(v.Interface())
}

// isEmpty reports whether the file can leave the value out.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}

// quoteYAML writes a double-quoted scalar: every character but the plainest is
// escaped by its number.
func quoteYAML(s string) string {
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
