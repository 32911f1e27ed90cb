package balancer

import (
	"sync"
	"time"
)

// mostHedgeWait is how long Close waits for hedges that were given up.
const mostHedgeWait = 5 * time.Second

// gate counts goroutines that come and go until it is closed. A sync.WaitGroup
// can't be waited for while others still enter, nor for a limited time. The zero
// value is open.
type gate struct {
	mu     sync.Mutex // the last to be taken
	inside int
	closed bool
	empty  chan struct{} // closed when the last one has left; nil until the gate is closed
}

// enter reports false if the gate is closed.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.inside++
	}
	return !g.closed
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.closed && g.inside == 0 {
		close(g.empty)
	}
}

// close lets nobody in any more, and returns when all have left, or when it has
// waited for as long as it may.
func (g *gate) close(most time.Duration) {
	g.mu.Lock()
	if !g.closed {
		g.closed, g.empty = true, make(chan struct{})
		if g.inside == 0 {
			close(g.empty)
		}
	}
	g.mu.Unlock()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-g.empty:
	case <-timer.C:
	}
}
