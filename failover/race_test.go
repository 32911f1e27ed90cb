//go:build race

package failover

// raceEnabled says that the race detector is on, which allocates by itself.
const raceEnabled = true
