// Command schemagen writes the JSON Schema of the struct Config in the current
// directory's package to the file named by its argument. It is run by go
// generate in package balancer.
package main

import (
	"fmt"
	"os"

	"github.com/fairlead-go/fairlead/internal/configfile/schema"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want the file to write as the only argument, got %d arguments", len(args))
	}
	text, err := schema.Generate(".", "Config", "fairlead configuration")
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], text, 0o644)
}
