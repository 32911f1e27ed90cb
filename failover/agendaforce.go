package failover

// Drained returns how much of a cloud is taken from a service, 0…1: at 1 it gets
// no calls. The change is the one that does it, nil if none does.
func (a *Agenda) Drained(service, cloud string) (part float64, by *Change) {
	for _, e := range a.entries {
		if e.state == ChangeRunning && e.drains() && e.Cloud == cloud && e.Concerns(service) && (by == nil || e.done > part) {
			part, by = e.done, &e.Change
		}
	}
	return part, by
}

// Weights returns the weights of a service's clouds, given those of the config.
// The base is not changed, and is returned if nothing moves them.
func (a *Agenda) Weights(service string, base map[string]uint32) map[string]uint32 {
	var waiting *entry
	for _, e := range a.entries {
		if e.Kind != KindShift || !e.Concerns(service) {
			continue
		}
		if e.state == ChangeRunning {
			return e.weights(base, e.done)
		}
		if waiting == nil && e.holdsBack() {
			waiting = e
		}
	}
	if waiting != nil {
		return waiting.weights(base, 0)
	}
	return base
}

// holdsBack reports whether a shift keeps weights at those that it moves from while
// it isn't in force: one of the config as long as its record is there, one that was
// added until it has come to its end or was cancelled.
func (e *entry) holdsBack() bool {
	if e.Kind != KindShift || len(e.From) == 0 {
		return false
	}
	return !e.applied || e.lives() || e.state == ChangeAborted || e.state == ChangeRefused
}
