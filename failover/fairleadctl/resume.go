package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/failover"
)

func resumeCommand() *command {
	return &command{
		name: "resume", args: "FILE CLOUD", files: true,
		what: "take back what keeps a cloud out",
		long: `Takes away the drains and drills of a cloud that are in force; with -id, in place of CLOUD, any change, which is then over or never comes. A change that is planned, or that repeats, is taken away by -id only. Everything else in the file stays as it is, byte for byte.
In routers a cloud that got no calls then comes back by the gates of re-admission, 1, 10, 50 and 100 % of its share, as after an outage; weights go back at the pace of failover.slope.
Exits with 1 if there is nothing to take away.`,
		examples: []example{
			{"back into use", "resume fairlead.yaml onprem"},
			{"no weekly drill any more", "resume fairlead.yaml -id weekly"},
		},
		setup: func(flags *flag.FlagSet) func(*env, []string) error {
			id := flags.String("id", "", "the `NAME` of the change to take away")
			dry := flags.Bool("dry-run", false, "show it, but leave the file as it is")
			asJSON := flags.Bool("json", false, "write JSON")
			return func(e *env, args []string) error {
				switch {
				case *id == "" && len(args) != 2:
					return usagef("it takes a FILE and a CLOUD, or a FILE and -id")
				case *id != "" && len(args) != 1:
					return usagef("with -id it takes a FILE alone")
				}
				cloud := ""
				if *id == "" {
					cloud = args[1]
				}
				return resume(e, args[0], cloud, *id, *dry, *asJSON)
			}
		},
	}
}

func resume(e *env, file, cloud, id string, dry, asJSON bool) error {
	f, err := edit(file)
	if err != nil {
		return err
	}
	gone, err := taken(f.config, cloud, id, e.now())
	if err != nil {
		return err
	}
	for _, c := range gone {
		i := slices.IndexFunc(f.config.Changes, func(x failover.Change) bool { return x.ID == c.ID })
		if err := f.remove(i); err != nil {
			return err
		}
		if f.doc, err = open(f.doc.bytes()); err != nil {
			return err
		}
	}
	if !dry {
		if err := f.write(); err != nil {
			return err
		}
	}
	if asJSON {
		out := []changed{}
		for _, c := range gone {
			out = append(out, changed{f.shown, !dry, c.ID, record(c), ""})
		}
		return writeJSON(e.stdout, out)
	}
	did := "Taken out of "
	if dry {
		did = "Would be taken out of "
	}
	fmt.Fprintf(e.stdout, "%s%s:\n\n", did, f.shown)
	f.diff(e.stdout)
	fmt.Fprintln(e.stdout)
	if !dry {
		fmt.Fprintln(e.stdout, "Next: review, commit and roll the file out as any other config.")
	}
	return nil
}

// taken returns the changes to take away.
func taken(cfg *balancer.Config, cloud, id string, now time.Time) (gone []failover.Change, err error) {
	if id != "" {
		i := slices.IndexFunc(cfg.Changes, func(c failover.Change) bool { return c.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("there is no change %q; %s", id, there(cfg.Changes))
		}
		return cfg.Changes[i : i+1 : i+1], nil
	}
	if _, known := cfg.Clouds[cloud]; !known {
		return nil, usagef("%q is none of the clouds in the file", cloud)
	}
	var others []string
	for _, c := range cfg.Changes {
		if c.Cloud != cloud {
			continue
		}
		start, end := c.Occurrence(now)
		inForce := !now.Before(start) && (end.IsZero() || now.Before(end))
		switch {
		case c.Repeat > 0:
			others = append(others, fmt.Sprintf("%s %s repeats, next or now from %s: -id %s takes it away with all its repetitions", c.Kind, c.ID, moment(start), c.ID))
		case inForce:
			gone = append(gone, c)
		case now.Before(start):
			others = append(others, fmt.Sprintf("%s %s begins at %s: -id %s takes it away", c.Kind, c.ID, moment(start), c.ID))
		}
	}
	if len(gone) == 0 {
		return nil, errors.New(strings.Join(append([]string{"no change in the file keeps " + cloud + " out now"}, others...), "\n"))
	}
	return gone, nil
}

// there lists the changes that there are.
func there(changes []failover.Change) string {
	if len(changes) == 0 {
		return "the file has none"
	}
	var ids []string
	for _, c := range changes {
		ids = append(ids, c.ID)
	}
	return "the file has " + list(ids)
}
