package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// overview lists the commands.
func overview(w io.Writer) {
	fmt.Fprint(w, `fairleadctl reads a fairlead config file and says what routers would do with it;
or it plans drains, shifts and drills in the file. It talks to no router.

usage: fairleadctl COMMAND [ARGUMENTS] [FLAGS]

`)
	t := table{}
	for _, c := range commands() {
		args, _, _ := strings.Cut(c.args, " -") // all of it is in the command's help
		t.add("  "+c.name, args, c.what)
	}
	t.add("  help", "[COMMAND]", "tell the flags of a command, with examples")
	t.write(w)
	fmt.Fprint(w, `
What if a cloud is lost now?
  fairleadctl plan fairlead.yaml -down onprem -demand critical=3000

Exit status: 0 all is well, 1 a finding or a refusal, 2 a wrong command line.
`)
}

// help tells of a command, or of all.
func help(e *env, args []string) int {
	if len(args) == 0 {
		overview(e.stdout)
		return exitOK
	}
	c := find(args[0])
	if c == nil {
		fmt.Fprintf(e.stderr, "fairleadctl help: no such command: %s%s\n", args[0], near(args[0], names()))
		return exitUsage
	}
	c.help(e.stdout)
	return exitOK
}

// help tells all of the command.
func (c *command) help(w io.Writer) {
	flags := c.flags()
	c.setup(flags)
	some := ""
	if hasFlags(flags) {
		some = " [FLAGS]"
	}
	fmt.Fprintf(w, "usage: fairleadctl %s%s\n\n", strings.TrimSpace(c.name+" "+c.args), some)
	for _, paragraph := range strings.Split(strings.TrimSpace(c.long), "\n") {
		fmt.Fprint(w, wrapped("", paragraph))
	}
	if some != "" {
		fmt.Fprintln(w, "\nflags:")
		t := table{}
		flags.VisitAll(func(f *flag.Flag) {
			value, usage := flag.UnquoteUsage(f)
			if value != "" {
				value = " " + value
			}
			if d := f.DefValue; d != "" && d != "0s" && d != "false" && !strings.Contains(usage, "(default ") {
				usage += " (default " + d + ")"
			}
			t.add("  -"+f.Name+value, usage)
		})
		t.write(w)
	}
	if len(c.examples) > 0 {
		fmt.Fprintln(w, "\nexamples:")
	}
	for _, x := range c.examples {
		fmt.Fprint(w, wrapped("  # ", x.what))
		fmt.Fprintln(w, "  fairleadctl "+x.line)
	}
}

// hasFlags reports whether there are flags.
func hasFlags(flags *flag.FlagSet) (some bool) {
	flags.VisitAll(func(*flag.Flag) { some = true })
	return some
}
