// Fairleadctl is the operator's command of fairlead: it reads a config file and
// says what routers that follow it would do, before anything happens, and edits the
// file's planned changes.
//
//	go run github.com/fairlead-go/fairlead/failover/fairleadctl@latest help
//
// It talks to no router and opens no connection: everything follows from the file
// and from what its flags say of demand, capacity and health. The plan is
// failover.Compute's, the loss of a cloud failover.Lose's, an explanation
// balancer.Config's, a simulation that of routers in virtual time: the code that
// runs in production.
//
//	validate FILE...             say what is wrong with config files
//	plan FILE                    where calls would go, what is shed, and why
//	n-1 FILE -demand TIER=RPS    which cloud may be lost
//	explain FILE -service S      how one call would be treated, and why
//	simulate FILE -demand CSV    run the config against demand and faults
//	drain FILE CLOUD             plan to take a cloud out of use
//	drill FILE CLOUD             plan a drain that measures, and ends itself
//	shift FILE CLOUD=WEIGHT...   plan to move weights
//	resume FILE CLOUD            take back what keeps a cloud out
//	schema                       the JSON Schema of the config file
//	completion SHELL             a script for bash, zsh or fish
//	version                      which version this is
//
// help COMMAND tells the flags of a command, with examples.
//
// # Numbers
//
// Rates are calls per second of all clients together, in the file as on the command
// line: instances plays no part. A running router knows its own calls and counts on
// 1/instances of each capacity, so its shares are the same.
//
// # Changes
//
// drain, drill, shift and resume change the file and nothing else. It then has to
// reach the routers as any other config does; those made with balancer.WithFile
// take it up within two seconds. Everything but the record itself stays as it is, byte
// for byte. The new text is read, validated and compared with the old one before it
// takes the file's place by a rename, and a change that the rules of package
// failover refuse is not written.
//
// # Exit status
//
//	0  all is well
//	1  a finding: the file has faults, a protected tier would not be served, a loss
//	   would not be survived, a change was refused; or something could not be read
//	   or written
//	2  the command line is wrong
//
// With -json the result is JSON on the standard output, in which rates are calls per
// second and fractions 0…1; errors are text on the standard error in any case.
package main

import (
	"io"
	"os"
	"time"
)

// env is what a command has of the world.
type env struct {
	stdout, stderr io.Writer
	now            func() time.Time
}

func main() {
	os.Exit(run(os.Args[1:], &env{stdout: os.Stdout, stderr: os.Stderr, now: time.Now}))
}
