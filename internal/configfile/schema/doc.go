// Package schema derives a JSON Schema (draft 7, which editors know) from the
// Go struct that a configuration file is decoded into.
//
// Structure comes from the types, by the rules of package configfile: keys are
// the fields' names with a small first letter, no other keys are allowed, a
// section may be left without a value. Descriptions are the fields' doc
// comments, or the type's where a field has none. A field whose comment has
// the sentence "Required." is required. The values of a string type with
// constants are an enumeration. Ranges are left to the validation; the
// descriptions tell them.
//
// [Generate] reads source files and nothing else; it may be called from any
// goroutine.
package schema
