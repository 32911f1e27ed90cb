// Package fleet is what the example describes.
package fleet

import "time"

// Fleet is a number of ships.
type Fleet struct {
	// Ships by name. Required.
	Ships map[string]Ship

	// Patience is how long to wait for the last.
	Patience time.Duration

	// Flag of all the ships.
	Flag Flag
}

// Ship is one ship.
type Ship struct {
	Masts uint8    // how many
	Ports []string // in the order in which it calls
}

// Flag is a flag.
type Flag string

const (
	Red  Flag = "red"
	Blue Flag = "blue"
)
