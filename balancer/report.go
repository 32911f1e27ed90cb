package balancer

import "time"

// LoadReport is what a server has said of its load, as in an ORCA report (gRFC A51).
type LoadReport struct {
	// At is when the report came. The router fills it in.
	At time.Time
	// Application and CPU are utilisations: 1 is what the server means to
	// carry, and more is possible. 0 if it wasn't said.
	Application, CPU float64
	// Memory is the utilisation of memory, 0…1.
	Memory float64
	// Calls and Errors are per second, of all clients together, without the calls
	// that the server refused. 0 if it wasn't said. Calls ÷ utilization is what the
	// server carries: see [failover.Capacity]. Where an address has several servers
	// behind it, calls of one of them say nothing and aren't used.
	Calls, Errors float64
}

// Utilization is that of the application if it was said, else that of the CPU,
// as gRFC A58 has it.
func (l LoadReport) Utilization() float64 {
	if l.Application > 0 {
		return l.Application
	}
	return l.CPU
}

// Report keeps what the endpoint said of its load with an answer. Any goroutine
// may call it.
func (a Attempt) Report(l LoadReport) { a.endpoint.report(a.cloud.router, l) }

// Report keeps what the endpoint says of its load. Any goroutine may call it.
func (p Place) Report(l LoadReport) { p.endpoint.report(p.router, l) }

func (e *endpoint) report(r *Router, l LoadReport) {
	l.At = r.wall(r.now())
	e.load.Store(&l)
}
