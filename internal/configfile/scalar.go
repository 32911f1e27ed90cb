package configfile

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"
)

// DurationPattern is the regular expression of durations: Go's notation, in
// which each number has a unit.
const DurationPattern = `^-?([0-9]+(\.[0-9]+)?(ns|[uµμ]s|ms|s|m|h))+$`

var (
	durationText = regexp.MustCompile(DurationPattern)
	// No leading zero: to YAML 1.1 it means octal.
	integerText = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	numberText  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
)

// TimePattern is the regular expression of times: RFC 3339, with an offset from
// UTC.
const TimePattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[-+][0-9]{2}:[0-9]{2})$`

var (
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
)

// decodeScalar reads the node into a value that is no collection. The error
// is a predicate whose subject is the value.
func decodeScalar(node *yaml.Node, into reflect.Value) error {
	if into.Type() == durationType {
		return decodeDuration(node, into)
	}
	switch into.Kind() {
	case reflect.String:
		if !isString(node) {
			return fmt.Errorf("must be a string, is %s%s", describe(node), quoteHint(node))
		}
		into.SetString(node.Value)
		return nil
	case reflect.Bool:
		if node.Kind != yaml.ScalarNode || node.Value != "true" && node.Value != "false" || isString(node) {
			return fmt.Errorf("must be true or false, is %s", describe(node))
		}
		into.SetBool(node.Value == "true")
		return nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return decodeInt(node, into)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return decodeUint(node, into)
	case reflect.Float32, reflect.Float64:
		return decodeFloat(node, into)
	}
	panic("configfile: cannot decode into a " + into.Type().String())
}

func decodeDuration(node *yaml.Node, into reflect.Value) error {
	if node.Kind != yaml.ScalarNode || !durationText.MatchString(node.Value) {
		return fmt.Errorf("must be a duration with a unit such as 300ms or 1m30s, is %s", describe(node))
	}
	d, err := time.ParseDuration(node.Value)
	if err != nil {
		return fmt.Errorf("must be at most %v, is %s", time.Duration(math.MaxInt64), Quote(node.Value))
	}
	into.SetInt(int64(d))
	return nil
}

// decodeTime reads a moment. It is kept in UTC.
func decodeTime(node *yaml.Node, into reflect.Value) error {
	t, err := time.Parse(time.RFC3339, node.Value)
	if node.Kind != yaml.ScalarNode || err != nil || t.IsZero() {
		return fmt.Errorf("must be a time with an offset from UTC such as 2026-12-01T03:00:00+09:00, is %s", describe(node))
	}
	into.Set(reflect.ValueOf(t.UTC()))
	return nil
}

func decodeInt(node *yaml.Node, into reflect.Value) error {
	if !isPlain(node) || !integerText.MatchString(node.Value) {
		return fmt.Errorf("must be a whole number in decimal digits, is %s", describe(node))
	}
	n, err := strconv.ParseInt(node.Value, 10, 64)
	if err != nil || into.OverflowInt(n) {
		bits := into.Type().Bits()
		return fmt.Errorf("must be from %d to %d, is %s", math.MinInt64>>(64-bits), math.MaxInt64>>(64-bits), shorten(node.Value))
	}
	into.SetInt(n)
	return nil
}

func decodeUint(node *yaml.Node, into reflect.Value) error {
	if !isPlain(node) || !integerText.MatchString(node.Value) {
		return fmt.Errorf("must be a whole number in decimal digits, is %s", describe(node))
	}
	if node.Value[0] == '-' {
		return fmt.Errorf("must not be negative, is %s", shorten(node.Value))
	}
	n, err := strconv.ParseUint(node.Value, 10, 64)
	if err != nil || into.OverflowUint(n) {
		return fmt.Errorf("must be at most %d, is %s", uint64(math.MaxUint64)>>(64-into.Type().Bits()), shorten(node.Value))
	}
	into.SetUint(n)
	return nil
}

func decodeFloat(node *yaml.Node, into reflect.Value) error {
	if !isPlain(node) || !numberText.MatchString(node.Value) {
		return fmt.Errorf("must be a finite number in decimal digits, is %s", describe(node))
	}
	n, err := strconv.ParseFloat(node.Value, into.Type().Bits())
	if errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("must be a finite number in decimal digits, is %s", shorten(node.Value))
	}
	into.SetFloat(n)
	return nil
}

// isPlain reports whether the node is a scalar without quotes.
func isPlain(node *yaml.Node) bool {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	return node.Kind == yaml.ScalarNode && node.Style&quoted == 0
}

func isString(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!str"
}

func isNull(node *yaml.Node) bool {
	return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null"
}

// describe says what the node is, for a sentence that ends "…, is".
func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch node.ShortTag() {
	case "!!null":
		return "empty"
	case "!!str":
		return Quote(node.Value)
	}
	return shorten(node.Value)
}

// quoteHint tells how a scalar that YAML takes for something else becomes the
// string it was meant to be.
func quoteHint(node *yaml.Node) string {
	if node.Kind != yaml.ScalarNode || isNull(node) {
		return ""
	}
	return "; write " + Quote(node.Value) + " in quotes"
}

// shorten returns a number or other plain scalar as it was written, unless it
// is too long to be repeated.
func shorten(text string) string {
	if len(text) > maxQuoted {
		return Quote(text)
	}
	return text
}
