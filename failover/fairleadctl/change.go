package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/failover"
)

// planning is what the commands that add a change have in common.
type planning struct {
	kind        failover.ChangeKind
	change      failover.Change
	start, end  string
	lasts       time.Duration
	s           situation
	dry, asJSON bool
}

const drillLasts = 30 * time.Minute // as AWS practice runs do

func (p *planning) declare(flags *flag.FlagSet, kind failover.ChangeKind) {
	p.kind = kind
	c := &p.change
	flags.StringVar(&c.ID, "id", "", "the `NAME` of the change (default, for example, "+string(kind)+"-onprem)")
	flags.StringVar(&p.start, "start", "now", "the `TIME` when it begins, such as 2026-12-01T03:00:00+09:00 or +2h")
	flags.StringVar(&p.end, "end", "", "the `TIME` when it is over, likewise; +2h is after the start")
	flags.DurationVar(&p.lasts, "for", 0, "the `DURATION`, such as 30m, in place of -end")
	flags.Func("services", "the `SERVICES` that it concerns, with commas between (default all)", func(text string) error {
		c.Services = append(c.Services, strings.Split(text, ",")...)
		return nil
	})
	flags.DurationVar(&c.Repeat, "repeat", 0, "the `DURATION` from one start to the next, such as 168h")
	window := func(into *[]failover.Window) func(string) error {
		return func(text string) error {
			w, err := window(text)
			*into = append(*into, w)
			return err
		}
	}
	flags.Func("allow", "a `WINDOW` in which it may happen, such as \"mon,tue 22:00-06:00 Asia/Seoul\"", window(&c.Allowed))
	flags.Func("block", "a `WINDOW` in which it must not", window(&c.Blocked))
	flags.BoolVar(&c.Force, "force", false, "write it although a safety rule speaks against it, and have routers do it then")
	p.s.declareDemand(flags)
	flags.BoolVar(&p.dry, "dry-run", false, "check and show it, but leave the file as it is")
	flags.BoolVar(&p.asJSON, "json", false, "write JSON")
	if kind != failover.KindShift {
		flags.DurationVar(&c.Grace, "grace", 0, "the `DURATION` that streams may go on at the drained cloud (default 30s)")
	}
}

const changeHelp = `
The record is added to the file's changes; everything else stays as it is, byte for byte. It is refused if it contradicts another change, would leave a tier with too few clouds, or if the clouds that stay would lack the capacity for what -demand says; routers check all of that again with what they see when it begins. -force overrides the latter two, and is written into the record.
The file then has to be rolled out as any other config. Exits with 1 if the change is refused.`

func drainCommand() *command {
	return &command{
		name: "drain", args: "FILE CLOUD", files: true,
		what: "plan to take a cloud out of use",
		long: "Plans to take a cloud out of use: from the start on no call goes there, until the end or until the record is taken away with resume." + changeHelp,
		examples: []example{
			{"now, until resumed", "drain fairlead.yaml onprem"},
			{"for a maintenance tonight, over ten minutes", "drain fairlead.yaml onprem -start 2026-12-01T22:00:00+09:00 -for 4h -ramp 10m"},
			{"if the others can carry tonight's peak", "drain fairlead.yaml onprem -demand critical=3000 -demand standard=2500"},
		},
		setup: func(flags *flag.FlagSet) func(*env, []string) error {
			var p planning
			p.declare(flags, failover.KindDrain)
			flags.DurationVar(&p.change.Ramp, "ramp", 0, "the `DURATION` that draining takes (default at once)")
			return p.cloud
		},
	}
}

func drillCommand() *command {
	return &command{
		name: "drill", args: "FILE CLOUD", files: true,
		what: "plan a drain that measures, and ends itself",
		long: "Plans a drill: a drain that measures whether callers notice, and that routers give up when a protected tier burns its error budget 14.4 times as fast as it may, or a cloud that stays has less than 10 % of its capacity left beside protected calls. It lasts 30 minutes unless -for or -end says otherwise. Each router leaves a report (router.Changes, the console, the log)." + changeHelp,
		examples: []example{
			{"in ten minutes, for half an hour", "drill fairlead.yaml onprem -start +10m -demand critical=3000"},
			{"each Tuesday at three", "drill fairlead.yaml onprem -id weekly -start 2026-12-01T03:00:00+09:00 -repeat 168h"},
		},
		setup: func(flags *flag.FlagSet) func(*env, []string) error {
			var p planning
			p.declare(flags, failover.KindDrill)
			flags.DurationVar(&p.change.Ramp, "ramp", 0, "the `DURATION` that draining takes (default at once)")
			return p.cloud
		},
	}
}

func shiftCommand() *command {
	return &command{
		name: "shift", args: "FILE CLOUD=WEIGHT...", files: true,
		what: "plan to move weights",
		long: "Plans to move the weights of clouds to those given, in a straight line over -ramp. Clouds that aren't named keep theirs; 0 leaves a cloud to serve only where no other can. Routers give the shift up by themselves, and go back, when a protected tier or the attempts at a cloud that gets more burn 14.4 times as fast as they may. The weights hold as long as the record is there: when the shift is done, write them into clouds and take the record away." + changeHelp,
		examples: []example{
			{"a new cloud, from nothing to 30 % within a day", "shift fairlead.yaml onprem=70 gcp=30 -from onprem=100 -from gcp=0 -ramp 24h"},
			{"half an hour of more for gcp", "shift fairlead.yaml onprem=50 gcp=50 -ramp 5m -for 30m"},
		},
		setup: func(flags *flag.FlagSet) func(*env, []string) error {
			var p planning
			p.declare(flags, failover.KindShift)
			flags.DurationVar(&p.change.Ramp, "ramp", 0, "the `DURATION` that the weights take (default at the pace of failover.slope)")
			p.change.From = map[string]uint32{}
			flags.Func("from", "`CLOUD=WEIGHT` to begin with, which holds before the start, too (default the weights in the file)", func(text string) error {
				return weightOf(text, p.change.From)
			})
			return p.weights
		},
	}
}

// weightOf reads CLOUD=WEIGHT.
func weightOf(text string, into map[string]uint32) error {
	cloud, number, _ := strings.Cut(text, "=")
	w, err := strconv.ParseUint(number, 10, 32)
	if err != nil || cloud == "" {
		return fmt.Errorf("%q must be CLOUD=WEIGHT with a whole number from 0 to 4294967295", text)
	}
	if _, twice := into[cloud]; twice {
		return fmt.Errorf("%s is given twice", cloud)
	}
	into[cloud] = uint32(w)
	return nil
}

// cloud plans what is about one cloud.
func (p *planning) cloud(e *env, args []string) error {
	if len(args) != 2 {
		return usagef("it takes a FILE and a CLOUD")
	}
	p.change.Cloud = args[1]
	return p.plan(e, args[0], args[1])
}

// weights plans a shift.
func (p *planning) weights(e *env, args []string) error {
	if len(args) < 2 {
		return usagef("it takes a FILE and the weights to move to, each as CLOUD=WEIGHT")
	}
	p.change.Weights = map[string]uint32{}
	for _, arg := range args[1:] {
		if err := weightOf(arg, p.change.Weights); err != nil {
			return usagef("%v", err)
		}
	}
	if len(p.change.From) == 0 {
		p.change.From = nil
	}
	return p.plan(e, args[0], "")
}

// plan completes the record, checks it and writes it.
func (p *planning) plan(e *env, file, about string) error {
	c := &p.change
	c.Kind = p.kind
	now := e.now()
	if err := p.times(now); err != nil {
		return err
	}
	f, err := edit(file)
	if err != nil {
		return err
	}
	if c.ID == "" {
		c.ID = freeID(f.config.Changes, strings.TrimSuffix(string(c.Kind)+"-"+about, "-"))
	}
	if err := c.Validate(); err != nil {
		return fmt.Errorf("refused, the file is as it was\n%w", err)
	}
	before := f.config
	if err := f.add(*c); err != nil {
		return err
	}
	remark, err := p.check(before, now)
	if err != nil {
		return err
	}
	if !p.dry {
		if err := f.write(); err != nil {
			return err
		}
	}
	return p.tell(e, f, remark)
}

// times reads when the change is.
func (p *planning) times(now time.Time) (err error) {
	c := &p.change
	if c.Start, err = moments(p.start, now); err != nil {
		return usagef("-start: %v", err)
	}
	switch {
	case p.end != "" && p.lasts != 0:
		return usagef("-end and -for say the same: give one")
	case p.lasts < 0:
		return usagef("-for must be above 0")
	case p.lasts > 0:
		c.End = c.Start.Add(p.lasts)
	case p.end != "":
		if c.End, err = moments(p.end, c.Start); err != nil {
			return usagef("-end: %v", err)
		}
	case p.kind == failover.KindDrill:
		c.End = c.Start.Add(drillLasts)
	}
	if !c.End.IsZero() {
		c.End = c.End.In(c.Start.Location())
		if c.Repeat == 0 && !c.End.After(now) {
			return usagef("it would be over already, at %s", moment(c.End))
		}
	}
	return nil
}

// freeID returns an ID that no change has.
func freeID(changes []failover.Change, id string) string {
	for n, free := 2, id; ; n++ {
		if !slices.ContainsFunc(changes, func(c failover.Change) bool { return c.ID == free }) {
			return free
		}
		free = fmt.Sprintf("%s-%d", id, n)
	}
}

// check asks the safety rules, with the demand that the command line gives. The
// remark says which one is overridden, or that capacity could not be checked.
func (p *planning) check(cfg *balancer.Config, now time.Time) (remark string, err error) {
	c := p.change.WithDefaults()
	var inputs []failover.ServiceInput
	at := c.Start
	if now.After(at) {
		at = now
	}
	for _, service := range servicesOf(cfg, &c) {
		for _, protocol := range []string{"http", "grpc"} {
			s := p.s
			if s.protocol = protocol; !has(cfg, service, protocol) {
				continue
			}
			subject, err := s.subject(cfg, service, at)
			if err != nil {
				return "", err
			}
			if len(subject.input.Demand) == 0 {
				remark = "Capacity wasn't checked, as -demand doesn't say how many calls there are; routers check it when it begins."
			}
			inputs = append(inputs, failover.ServiceInput{Service: service, Input: subject.input})
		}
	}
	var refusal *failover.Refusal
	switch {
	case !errors.As(c.Check(inputs), &refusal):
		return remark, nil
	case c.Force:
		return fmt.Sprintf("FORCED against the rule %s: %s.", refusal.Rule, refusal.Reason), nil
	}
	return "", fmt.Errorf("refused, the file is as it was\n%s: %s", refusal.Rule, refusal.Reason)
}

func servicesOf(cfg *balancer.Config, c *failover.Change) (all []string) {
	for service := range cfg.Services {
		if c.Concerns(service) {
			all = append(all, service)
		}
	}
	slices.Sort(all)
	return all
}

func has(cfg *balancer.Config, service, protocol string) bool {
	_, err := speaks(cfg, service, protocol)
	return err == nil
}

// changed is what the commands that edit changes write.
type changed struct {
	File    string   `json:"file"`
	Written bool     `json:"written"`
	ID      string   `json:"id"`
	Record  []string `json:"record"` // the lines of YAML that came, or went
	Remark  string   `json:"remark,omitempty"`
}

// tell says what was written and what is to be done next.
func (p *planning) tell(e *env, f *edited, remark string) error {
	c := &p.change
	if p.asJSON {
		return writeJSON(e.stdout, changed{f.shown, !p.dry, c.ID, record(*c), remark})
	}
	did := "Added to "
	if p.dry {
		did = "Would be added to "
	}
	fmt.Fprintf(e.stdout, "%s%s:\n\n", did, f.shown)
	f.diff(e.stdout)
	fmt.Fprintln(e.stdout)
	for _, line := range p.meaning(f.shown) {
		fmt.Fprint(e.stdout, wrapped("", line))
	}
	if remark != "" {
		fmt.Fprint(e.stdout, wrapped("", remark))
	}
	return nil
}

// meaning says in words what the change does.
func (p *planning) meaning(file string) (lines []string) {
	c := &p.change
	when, until := "From "+moment(c.Start)+" on,", "until the record is taken away: fairleadctl resume "+file+" -id "+c.ID
	if !c.End.IsZero() {
		until = "until " + moment(c.End)
	}
	switch {
	case c.Kind == failover.KindShift && c.Ramp > 0:
		lines = append(lines, fmt.Sprintf("%s the weights move for %s, and hold %s.", when, brief(c.Ramp), until))
	case c.Kind == failover.KindShift:
		lines = append(lines, fmt.Sprintf("%s the weights move at the pace of failover.slope, and hold %s.", when, until))
	case c.Ramp > 0:
		lines = append(lines, fmt.Sprintf("%s %s gets less and less for %s, and then nothing %s.", when, c.Cloud, brief(c.Ramp), until))
	default:
		lines = append(lines, fmt.Sprintf("%s %s gets no calls %s.", when, c.Cloud, until))
	}
	if c.Repeat > 0 {
		lines = append(lines, "It repeats every "+brief(c.Repeat)+".")
	}
	if p.dry {
		return lines
	}
	return append(lines, "Next: review, commit and roll the file out as any other config.")
}
