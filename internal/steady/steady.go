// Package steady begins calls at an even rate and waits for no answer before it
// begins the next, as the calls of many users don't: so a slow service gets as many
// as a quick one. It serves the examples.
package steady

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	interval = 5 * time.Millisecond // between two looks at what is due
	// mostBehind is the longest time for which calls are made up for after this
	// program itself stood still.
	mostBehind = 100 * time.Millisecond
	// mostAtOnce bounds the calls under way. Those who have a timeout stay below.
	mostAtOnce = 5000
)

// Load is calls that begin until Stop. Its methods may be called by any goroutine.
type Load struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	slots  chan struct{}
	made   atomic.Int64
	stood  atomic.Int64 // ns
}

// Start begins to make calls. rate says how many should begin in a second, as of
// now; call makes the n-th of them, counted from 0, in a goroutine of its own.
func Start(rate func() float64, call func(n int)) *Load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &Load{cancel: cancel, slots: make(chan struct{}, mostAtOnce)}
	l.wg.Go(func() { l.run(ctx, rate, call) })
	return l
}

// PerSecond is a rate that stays.
func PerSecond(n float64) func() float64 { return func() float64 { return n } }

// Stop begins no more calls and returns when all have ended. It may be called again.
func (l *Load) Stop() {
	l.cancel()
	l.wg.Wait()
}

// Made is the number of calls that have begun.
func (l *Load) Made() int64 { return l.made.Load() }

// Stood is for how long in all nothing was made, nor made up for later, because
// this program got no time from its machine.
func (l *Load) Stood() time.Duration { return time.Duration(l.stood.Load()) }

func (l *Load) run(ctx context.Context, rate func() float64, call func(n int)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	due := 0.0
	for last := time.Now(); ; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		passed := now.Sub(last)
		last = now
		if lost := passed - mostBehind; lost > 0 {
			l.stood.Add(int64(lost))
			passed = mostBehind
		}
		for due += rate() * passed.Seconds(); due >= 1; due-- {
			select {
			case l.slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			n := int(l.made.Add(1)) - 1
			l.wg.Go(func() {
				call(n)
				<-l.slots
			})
		}
	}
}
