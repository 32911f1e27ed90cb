package balancer

import (
	"fmt"
	"strings"

	"github.com/fairlead-go/fairlead/internal/configfile"
)

// ConfigError is what [ParseConfig], [Load], [Config.Validate] and [New]
// return for a configuration that cannot be used. It lists all faults, not
// just the first.
type ConfigError struct {
	// File is the path of the file, or empty if the configuration didn't come
	// from one.
	File string
	// Faults are in the order of their lines: at least 1, at most 50.
	Faults []Fault
	// More is the number of further faults that are not listed.
	More int
}

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	// Line in the file, counted from 1; 0 if it is unknown or there is no
	// file. A fault that consists in something missing has the line of what
	// it is missing from.
	Line int
	// Path to the value at fault, such as
	// services.routing-api.clouds.gcp.http[0]. Empty: the whole configuration.
	Path string
	// Problem says what must be and what is: "must be from 1 to 10, is 11".
	Problem string
}

// Error returns one line per fault, in the form that editors and terminals
// turn into links: file:line: path: problem.
func (e *ConfigError) Error() string {
	var b strings.Builder
	for i, fault := range e.Faults {
		if i > 0 {
			b.WriteByte('\n')
		}
		switch {
		case e.File != "" && fault.Line > 0:
			fmt.Fprintf(&b, "%s:%d: ", e.File, fault.Line)
		case e.File != "":
			fmt.Fprintf(&b, "%s: ", e.File)
		case fault.Line > 0:
			fmt.Fprintf(&b, "line %d: ", fault.Line)
		}
		b.WriteString(fault.String())
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\nand %d more", e.More)
	}
	return b.String()
}

// String returns path and problem, without the line.
func (f Fault) String() string {
	if f.Path == "" {
		return "the configuration " + f.Problem
	}
	return f.Path + ": " + f.Problem
}

// newConfigError returns the faults as an error, nil if there are none.
func newConfigError(file string, faults *configfile.Faults) error {
	list, more := faults.List()
	if len(list) == 0 {
		return nil
	}
	e := &ConfigError{File: file, Faults: make([]Fault, len(list)), More: more}
	for i, fault := range list {
		e.Faults[i] = Fault(fault)
	}
	return e
}
