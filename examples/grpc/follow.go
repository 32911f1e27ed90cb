package main

import (
	"context"
	"errors"
	"io"
	"time"
)

// vehicle is what the client knows of one.
type vehicle struct {
	next   int64     // the number of the next position
	last   time.Time // when one came
	broken string    // the cloud of a stream that broke off, until another goes on
}

// stream is what came of a stream.
type stream struct {
	cloud     string        // empty if it never began
	continues string        // the cloud of the stream that broke off before it, if one did
	positions int           // that came
	wrong     int           // positions that weren't the next one
	silence   time.Duration // the longest, since the last position of the stream before
	err       error         // nil if it ended as it should
}

// follow follows one vehicle until ctx ends, by one stream after another. Each
// begins with the position after the last one that came, however the stream before
// it ended: so none is missed, and none comes twice, in whichever cloud the next
// stream is.
func (l *load) follow(ctx context.Context) {
	v := vehicle{last: time.Now()}
	for {
		s := v.read(ctx, l.client)
		if ctx.Err() != nil {
			return
		}
		l.journal.streamed(s)
		if s.cloud == "" && !pause(ctx, refresh) { // the next one may fare no better
			return
		}
	}
}

// read reads one stream to its end.
func (v *vehicle) read(ctx context.Context, client routingClient) (s stream) {
	incoming, err := client.Follow(ctx, v.next)
	if err != nil {
		return stream{err: err}
	}
	for {
		position, err := incoming.Recv()
		if errors.Is(err, io.EOF) {
			return s
		}
		if err != nil {
			if s.err = err; s.cloud != "" {
				v.broken = s.cloud
			}
			return s
		}
		if s.cloud == "" {
			header, _ := incoming.Header() // came before the position
			s.cloud = cloudOf(header)
			s.continues, v.broken = v.broken, ""
		}
		if position.Value != v.next {
			s.wrong++
		}
		now := time.Now()
		s.silence = max(s.silence, now.Sub(v.last))
		s.positions++
		v.next, v.last = position.Value+1, now
	}
}

// pause reports false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
