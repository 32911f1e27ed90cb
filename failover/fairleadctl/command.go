package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The exit status.
const (
	exitOK      = 0
	exitFinding = 1
	exitUsage   = 2
)

// command is one thing that fairleadctl does.
type command struct {
	name string
	args string // after the name, such as FILE CLOUD
	what string // in a few words
	long string // in paragraphs, each one line
	// examples are command lines without "fairleadctl", each after a line that says
	// what for.
	examples []example
	// setup declares the flags and returns what to do with the arguments.
	setup func(*flag.FlagSet) func(e *env, args []string) error
	// files says that the arguments are files; words are what they may be
	// otherwise.
	files bool
	words []string
}

type example struct{ what, line string }

// errFinding ends a command that has told what it found.
var errFinding = errors.New("finding")

// usageError is about the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// commands returns all commands, in the order of the overview.
func commands() []*command {
	return []*command{
		validateCommand(), planCommand(), lossCommand(), explainCommand(), simulateCommand(),
		drainCommand(), drillCommand(), shiftCommand(), resumeCommand(),
		schemaCommand(), completionCommand(), versionCommand(),
	}
}

// run does what the arguments say and returns the exit status.
func run(args []string, e *env) int {
	if len(args) == 0 {
		overview(e.stderr)
		return exitUsage
	}
	name, args := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		return help(e, args)
	case "-version", "--version":
		name = "version"
	}
	c := find(name)
	if c == nil {
		fmt.Fprintf(e.stderr, "fairleadctl: no such command: %s%s\nfairleadctl help lists the commands.\n", name, near(name, names()))
		return exitUsage
	}
	flags := c.flags()
	do := c.setup(flags)
	rest, err := parse(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		c.help(e.stdout)
		return exitOK
	case err != nil:
		err = &usageError{err.Error()}
	default:
		err = do(e, rest)
	}
	return c.end(e, err)
}

// end tells an error and returns the exit status.
func (c *command) end(e *env, err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errFinding):
		return exitFinding
	case errors.As(err, &usage):
		fmt.Fprint(e.stderr, wrapped("fairleadctl "+c.name+": ", usage.text))
		fmt.Fprintf(e.stderr, "fairleadctl help %s tells more.\n", c.name)
		return exitUsage
	}
	tell(e.stderr, c.name, err)
	return exitFinding
}

func find(name string) *command {
	all := commands()
	if i := slices.IndexFunc(all, func(c *command) bool { return c.name == name }); i >= 0 {
		return all[i]
	}
	return nil
}

func names() (all []string) {
	for _, c := range commands() {
		all = append(all, c.name)
	}
	return append(all, "help")
}

// near suggests a word that was perhaps meant.
func near(word string, words []string) string {
	for _, w := range words {
		if strings.HasPrefix(w, word) || strings.HasPrefix(word, w) || strings.ReplaceAll(w, "-", "") == word {
			return "; did you mean " + w + "?"
		}
	}
	return ""
}

func (c *command) flags() *flag.FlagSet {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return flags
}

// parse reads flags wherever they stand, before, between and after other arguments.
// What follows -- is no flag.
func parse(flags *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		left := flags.Args()
		if len(left) == 0 {
			return rest, nil
		}
		if n := len(args) - len(left); n > 0 && args[n-1] == "--" {
			return append(rest, left...), nil
		}
		rest, args = append(rest, left[0]), left[1:]
	}
}

// oneFile returns the only argument.
func oneFile(args []string) (string, error) {
	switch len(args) {
	case 0:
		return "", usagef("which FILE?")
	case 1:
		return args[0], nil
	}
	return "", usagef("one FILE is all it takes, but there is also %s", strings.Join(args[1:], " "))
}
