//go:build !unix

package bench

import "time"

var started = time.Now()

// cpuTime returns the time since the start: it counts the work of other
// processes, too.
func cpuTime() time.Duration { return time.Since(started) }
