// Package configfile reads a YAML file into Go structs and says everything
// that is wrong with it at once, each fault with its line and path.
//
// The struct is the format. A key is a field's name with a small first letter
// (see [FieldName]); a key that no field has, a key that occurs twice and a
// second document are faults. Scalars are taken at their word: a string is
// never read from a number, a whole number has only decimal digits, a duration
// always has a unit. So no file means one thing to YAML 1.1 and another to
// YAML 1.2.
//
// A section without a value, such as "health:" with its keys commented out, is
// an empty section. A scalar without a value is a fault.
//
// Anchors may stand in a file but aliases (*name), merge keys (<<) and
// explicit tags (!!str) are refused. With them a fault would have two lines,
// an editor's schema would see something else than the decoder, and a small
// file could grow without bound. The decoder visits only what the struct has
// room for and reads at most [MaxBytes].
//
// [Decode] has no state and may be called from any goroutine. The other types
// belong to one goroutine at a time. The schema package beside this one
// derives a JSON Schema from the same structs.
package configfile
