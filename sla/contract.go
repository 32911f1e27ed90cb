package sla

import "time"

// Contract is a promise to one customer of one product. Its calls are accounted
// for by themselves, besides in their tier, and over all services together. What
// a good answer is, its tier says; what part of them must be good, the contract.
type Contract struct {
	// Name of the contract, as reports show it. What was counted stays with the
	// name. Required.
	Name string

	// Product is what the caller's product must be, letter by letter. Required.
	Product string

	// Customer is what the caller's customer must be, letter by letter.
	// Required.
	Customer string

	// Target is the part of the calls that must be good: 0.999 allows one in a
	// thousand to be bad. Range: above 0, below 1. Required.
	Target float64

	// Window is the time over which the error budget is kept: it rolls, and ends
	// now. From 1h to 720h, in whole hours. Default: 720h, 30 days.
	Window time.Duration
}

// Objective returns what the contract promises. Its latency is 0: that is for the
// tier of each call to say.
func (c Contract) Objective() Objective { return Objective{Target: c.Target, Window: c.Window} }
