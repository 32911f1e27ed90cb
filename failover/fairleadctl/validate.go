package main

import (
	"errors"
	"flag"
	"fmt"

	"github.com/fairlead-go/fairlead/balancer"
)

func validateCommand() *command {
	return &command{
		name: "validate", args: "FILE...", files: true,
		what: "say what is wrong with config files",
		long: `Reads config files as a router would and lists every fault, as FILE:LINE: PATH: what must be and what is. What else is worth knowing of a file that is in order comes as notes.
Exits with 1 if some file has a fault or can't be read.`,
		examples: []example{
			{"before a commit, or in CI", "validate fairlead.yaml"},
			{"all files of a directory", "validate config/*.yaml"},
		},
		setup: func(flags *flag.FlagSet) func(*env, []string) error {
			asJSON := flags.Bool("json", false, "write JSON")
			return func(e *env, args []string) error {
				if len(args) == 0 {
					return usagef("which FILE?")
				}
				return validate(e, args, *asJSON)
			}
		},
	}
}

// validated is what validate writes of a file.
type validated struct {
	File   string   `json:"file"`
	OK     bool     `json:"ok"`
	Faults []fault  `json:"faults"`
	More   int      `json:"more"` // faults that aren't listed
	Notes  []string `json:"notes"`
}

type fault struct {
	Line    int    `json:"line"` // 0: unknown
	Path    string `json:"path"`
	Problem string `json:"problem"`
}

func validate(e *env, files []string, asJSON bool) error {
	out := []*validated{}
	ok := true
	for _, file := range files {
		cfg, err := balancer.Load(file)
		v := newValidated(file, cfg, err)
		out = append(out, v)
		ok = ok && v.OK
		switch {
		case asJSON:
		case err != nil:
			tell(e.stderr, "validate", err)
		default:
			fmt.Fprint(e.stdout, wrapped("", fmt.Sprintf("%s: in order: %s, %s, %s, %s", file, plural(len(cfg.Clouds), "cloud"),
				plural(len(cfg.Services), "service"), plural(max(1, len(cfg.Tiers)), "tier"), plural(len(cfg.Changes), "change"))))
			for _, note := range v.Notes {
				fmt.Fprint(e.stdout, wrapped("  note: ", note))
			}
		}
	}
	if asJSON {
		if err := writeJSON(e.stdout, out); err != nil {
			return err
		}
	}
	if !ok {
		return errFinding
	}
	return nil
}

func newValidated(file string, cfg *balancer.Config, err error) *validated {
	v := &validated{File: file, OK: err == nil, Faults: []fault{}, Notes: []string{}}
	var faults *balancer.ConfigError
	switch {
	case errors.As(err, &faults):
		for _, f := range faults.Faults {
			v.Faults = append(v.Faults, fault(f))
		}
		v.More = faults.More
	case err != nil:
		v.Faults = append(v.Faults, fault{Problem: err.Error()})
	default:
		v.Notes = append(v.Notes, notes(cfg)...)
	}
	return v
}

// notes are what is in order, but perhaps not meant.
func notes(cfg *balancer.Config) (all []string) {
	if blind(cfg) {
		all = append(all, noInstances)
	}
	if cfg.Observe != "" {
		all = append(all, "observe is set: decisions are made and counted, and every call goes to "+cfg.Observe+".")
	}
	return all
}

const noInstances = "The file has capacities but no instances, so routers don't use them: they go by what servers report."

// blind reports whether routers can't use the capacities in the file.
func blind(cfg *balancer.Config) bool {
	if cfg.Instances > 0 {
		return false
	}
	for _, s := range cfg.Services {
		for _, c := range s.Clouds {
			if c.Capacity > 0 {
				return true
			}
		}
	}
	return false
}
