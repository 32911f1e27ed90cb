package main

import (
	"flag"
	"fmt"
	"runtime/debug"

	"github.com/fairlead-go/fairlead/balancer"
)

func schemaCommand() *command {
	return &command{
		name: "schema",
		what: "the JSON Schema of the config file",
		long: `Writes the JSON Schema (draft 7) of the config file, with which an editor checks the file as you type and shows what each key means.`,
		examples: []example{
			{"for an editor that honours \"# yaml-language-server: $schema=fairlead.schema.json\"", "schema > fairlead.schema.json"},
		},
		setup: func(*flag.FlagSet) func(*env, []string) error {
			return func(e *env, args []string) error {
				if len(args) > 0 {
					return usagef("it takes no arguments")
				}
				_, err := e.stdout.Write(balancer.Schema())
				return err
			}
		},
	}
}

func versionCommand() *command {
	return &command{
		name: "version",
		what: "which version this is",
		long: `Writes the version of fairleadctl, which is that of the module, and of Go.`,
		setup: func(*flag.FlagSet) func(*env, []string) error {
			return func(e *env, args []string) error {
				if len(args) > 0 {
					return usagef("it takes no arguments")
				}
				fmt.Fprintln(e.stdout, version())
				return nil
			}
		},
	}
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "fairleadctl, of an unknown version"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "of a working tree"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && v == "of a working tree" {
			v = "at " + cut(s.Value, 12)
		}
	}
	return fmt.Sprintf("fairleadctl %s (%s)", v, info.GoVersion)
}
