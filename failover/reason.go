package failover

// Text says in words what the reason means for a share. It is empty for a reason
// that this package doesn't know.
func (r Reason) Text() string { return reasonTexts[r] }

var reasonTexts = map[Reason]string{
	ReasonWeights:    "its part by weight",
	ReasonPrefer:     "its part by the tier's order of preference",
	ReasonStandby:    "a trickle that keeps its health known",
	ReasonSpill:      "more than its part, because others lack the capacity",
	ReasonFull:       "less than its part, because its capacity is used up",
	ReasonDegraded:   "less than its part: bad or slow answers, or endpoints missing",
	ReasonRecovering: "what the gate of re-admission lets through",
	ReasonDown:       "nothing, because it is down or has no usable endpoint",
	ReasonAbsent:     "nothing, because it has no endpoint",
	ReasonDraining:   "what a drain under way has left it",
	ReasonDrained:    "nothing, because an operator took it out",
	ReasonResidency:  "nothing, because the tier may not use it",
	ReasonPanic:      "by weight whatever its health, because too few clouds are left",
	ReasonHeld:       "as if it were healthy, because the fault is probably on this side",
}
