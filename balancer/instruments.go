package balancer

import "go.opentelemetry.io/otel/metric"

// instruments are those that are read when somebody collects.
type instruments struct {
	meter  metric.Meter
	all    []metric.Observable
	faults []error

	attempts, spoiled, calls, configErrors, failovers, picks, retries, shed metric.Int64Observable
	endpoints, health, inFlight                                             metric.Int64Observable

	capacity, demand, load, desired, utilization metric.Float64Observable
	share, configAge, tokens                     metric.Float64Observable
	target, budget, burn                         metric.Float64Observable
}

// prefix is that of all instruments' names.
const prefix = "fairlead."

// perSecond is a unit in an annotation: as call/s it would become part of the
// names that Prometheus gives.
const perSecond = "{calls_per_second}"

func newInstruments(meter metric.Meter, file bool) *instruments {
	in := &instruments{meter: meter}
	in.attempts = in.counter("attempts", "{attempt}", "Attempts that have ended, by what became of them.")
	in.spoiled = in.counter("attempts.spoiled", "{attempt}", "Good answers that broke off while they were read.")
	in.calls = in.counter("calls", "{call}", "Calls that have ended, by what became of them.")
	in.configErrors = in.counter("config.errors", "{config}", "Configs that were refused.")
	in.failovers = in.counter("failovers", "{failover}", "Times that a service went down in a cloud.")
	in.picks = in.counter("picks", "{attempt}", "Attempts that have begun.")
	in.retries = in.counter("retries", "{attempt}", "Attempts after a call's first.")
	in.shed = in.counter("shed", "{call}", "Calls that were refused because there is not enough for all.")
	in.endpoints = in.whole("cloud.endpoints", "{endpoint}", "Endpoints by whether picks may choose them.")
	in.health = in.whole("cloud.health", "{state}", "1 for the state that a service is in in a cloud.")
	in.inFlight = in.upDown("cloud.in_flight", "{attempt}", "Attempts under way.")
	in.capacity = in.gauge("cloud.capacity", perSecond, "Calls per second that this process may send to a cloud.")
	in.demand = in.gauge("cloud.demand", perSecond, "Calls per second that would go to a cloud if each had the capacity, before spill and shedding.")
	in.load = in.gauge("cloud.load", perSecond, "Calls per second that the plan sends to a cloud.")
	in.desired = in.gauge("cloud.desired_capacity", perSecond, "Capacity that a cloud should have for this process: what an autoscaler sums up.")
	in.utilization = in.gauge("cloud.utilization", "1", "Load of a cloud by its capacity.")
	in.share = in.gauge("cloud.share", "1", "Part of a tier's calls that goes to a cloud.")
	in.tokens = in.gauge("retry.tokens", "{attempt}", "Retries that the budget would pay for now.")
	in.target = in.gauge("sla.target", "1", "Part of a tier's calls that must be good.")
	in.budget = in.gauge("sla.budget_remaining", "1", "Part of a tier's error budget that is left in its rolling window.")
	in.burn = in.gauge("sla.burn_rate", "1", "How fast a tier's calls spend its error budget, by the window in which that is measured; 1 spends all of it in 30 days, or whatever the tier's window is.")
	if file {
		in.configAge = in.gauge("config.age", "s", "Time since the config file was last found to hold what is in force.")
	}
	return in
}

func (in *instruments) counter(name, unit, says string) metric.Int64Observable {
	i, err := in.meter.Int64ObservableCounter(prefix+name, metric.WithUnit(unit), metric.WithDescription(says))
	in.add(i, err)
	return i
}

func (in *instruments) upDown(name, unit, says string) metric.Int64Observable {
	i, err := in.meter.Int64ObservableUpDownCounter(prefix+name, metric.WithUnit(unit), metric.WithDescription(says))
	in.add(i, err)
	return i
}

func (in *instruments) whole(name, unit, says string) metric.Int64Observable {
	i, err := in.meter.Int64ObservableGauge(prefix+name, metric.WithUnit(unit), metric.WithDescription(says))
	in.add(i, err)
	return i
}

func (in *instruments) gauge(name, unit, says string) metric.Float64Observable {
	i, err := in.meter.Float64ObservableGauge(prefix+name, metric.WithUnit(unit), metric.WithDescription(says))
	in.add(i, err)
	return i
}

func (in *instruments) add(i metric.Observable, err error) {
	in.all = append(in.all, i)
	if err != nil {
		in.faults = append(in.faults, err)
	}
}
