package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/sla"
)

func explainCommand() *command {
	return &command{
		name: "explain", args: "FILE", files: true,
		what: "how one call would be treated, and why",
		long: `Tells of one call which tier it belongs to and what decided that, how long it may take, how often it may be tried, and which part of such calls goes to each cloud and why. It is what a router says that has just begun with the file and heard of no cloud yet; -at asks about another time, as the levels of customers change each day (at midnight, UTC) and the file's changes have their times. The console's explain page says the same of a running one.`,
		examples: []example{
			{"what does acme's dispatch get?", `explain fairlead.yaml -product dispatch -customer acme -method "GET /v1/route"`},
			{"and in the tier batch?", "explain fairlead.yaml -service routing-api -tier batch"},
			{"where do its calls go during tonight's drill?", "explain fairlead.yaml -customer acme -at 2026-12-02T03:10:00+09:00"},
		},
		setup: func(flags *flag.FlagSet) func(*env, []string) error {
			var s situation
			s.declareService(flags)
			flags.StringVar(&s.at, "at", "now", "the `TIME` of the call, such as 2026-12-01T03:00:00+09:00 or +2h")
			var caller sla.Caller
			flags.StringVar(&caller.Product, "product", "", "the caller's `PRODUCT`")
			flags.StringVar(&caller.Customer, "customer", "", "the caller's `CUSTOMER`")
			method := flags.String("method", "", "the `METHOD` of the call, such as \"GET /v1/route\" or /routing.v1.Routing/Route")
			tier := flags.String("tier", "", "the `TIER` that the caller's context names")
			asJSON := flags.Bool("json", false, "write JSON")
			return func(e *env, args []string) error {
				file, err := oneFile(args)
				if err != nil {
					return err
				}
				cfg, err := balancer.Load(file)
				if err != nil {
					return err
				}
				at, err := s.moment(e.now())
				if err != nil {
					return err
				}
				service, protocol, err := s.only(cfg)
				if err != nil {
					return err
				}
				ctx := context.Background()
				if caller != (sla.Caller{}) {
					ctx = sla.WithCaller(ctx, caller)
				}
				if *tier != "" {
					ctx = sla.WithTier(ctx, *tier)
				}
				x, err := cfg.ExplainAt(ctx, balancer.Call{Service: service, Protocol: protocol, Method: *method}, at)
				if err != nil {
					return err
				}
				if *asJSON {
					return writeJSON(e.stdout, x)
				}
				fmt.Fprintln(e.stdout, x)
				return nil
			}
		},
	}
}
