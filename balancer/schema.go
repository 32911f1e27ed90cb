package balancer

import (
	_ "embed"
	"slices"
)

//go:generate go run ../internal/configfile/schemagen schema.json

//go:embed schema.json
var schemaJSON []byte

// Schema returns the JSON Schema (draft 7) of the configuration file, for
// editors that complete keys and show descriptions. Ranges and references
// between parts of the file are not in it; [ParseConfig] checks those. The
// slice belongs to the caller.
func Schema() []byte { return slices.Clone(schemaJSON) }
