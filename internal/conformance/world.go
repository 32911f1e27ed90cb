package main

import (
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
	pb "github.com/fairlead-go/fairlead/internal/conformance/conformancev1"
	"github.com/fairlead-go/fairlead/sla"
)

// A world is a set of clouds around the suite's server.
type world interface {
	// open returns the connection for a test case, and what to call when the
	// case is over.
	open(*pb.ClientCompatRequest) (*connection, func(), error)
	// close reports whether the clouds took the part they were there for.
	close() error
}

// healthy has two clouds, in both of which the suite's server runs. Each test case
// gets a router of its own: so many answers that are errors, or come too late on
// purpose, would look like clouds that have too much to do.
type healthy struct {
	connect connector
	calls   [2]atomic.Int64 // of each cloud
}

func (h *healthy) open(test *pb.ClientCompatRequest) (*connection, func(), error) {
	s := serverOf(test)
	c, err := h.connect(s, map[string]string{"a": s.address, "b": s.address}, sla.Tier{Name: "default"}, balancer.Trace{
		Picked: func(a balancer.Attempt) { h.calls[a.Cloud()[0]-'a'].Add(1) },
	})
	if err != nil {
		return nil, nil, err
	}
	return c, c.close, nil
}

func (h *healthy) close() error {
	if a, b := h.calls[0].Load(), h.calls[1].Load(); min(a, b) < (a+b)/3 {
		return fmt.Errorf("of %d attempts one cloud had %d and the other %d", a+b, a, b)
	}
	return nil
}

// refusing has a cloud that refuses every connection, which is preferred, and
// one where the suite's server runs. Each test case gets a router of its own,
// which doesn't know yet.
type refusing struct {
	connect connector
	dead    string // the address where nobody listens
	free    func() // lets others have it
	cases   atomic.Int64
	refused atomic.Int64
}

func newRefusing(connect connector) (*refusing, error) {
	// A socket that is bound but doesn't listen.
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return nil, err
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return nil, err
	}
	port := name.(*syscall.SockaddrInet4).Port
	return &refusing{
		connect: connect,
		dead:    net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		free:    func() { syscall.Close(fd) },
	}, nil
}

func (r *refusing) open(test *pb.ClientCompatRequest) (*connection, func(), error) {
	s := serverOf(test)
	tier := sla.Tier{Name: "default", Clouds: sla.Clouds{Prefer: []string{"dead", "live"}}}
	c, err := r.connect(s, map[string]string{"dead": r.dead, "live": s.address}, tier, balancer.Trace{
		Answered: func(a balancer.Attempt, o health.Outcome, _ time.Duration) {
			if a.Cloud() == "dead" && o.Kind == health.Refused && a.Number() == 1 {
				r.refused.Add(1)
			}
		},
	})
	if err != nil {
		return nil, nil, err
	}
	r.cases.Add(1)
	return c, c.close, nil
}

// close complains unless nearly all cases met the dead cloud first: 1 % of the
// calls go to the other one, so that its health is known.
func (r *refusing) close() error {
	r.free()
	if cases, refused := r.cases.Load(), r.refused.Load(); refused < cases*9/10 {
		return fmt.Errorf("only %d of %d calls were refused first", refused, cases)
	}
	return nil
}
