//go:build !race

package cloudhttp

const raceEnabled = false
