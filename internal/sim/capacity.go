package sim

import (
	"math"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// mean returns the mean of what draw returns.
func (d *Delay) mean() time.Duration {
	mean := float64(d.Least + d.Spread)
	if d.TailPart > 0 {
		mean *= 1 + d.TailPart*(d.TailFactor-1)
	}
	return time.Duration(mean)
}

// carries is how many calls per second so many endpoints serve when all workers
// are busy.
func (s *Server) carries(endpoints int) float64 {
	return float64(endpoints*s.Workers) / s.Service.mean().Seconds()
}

// carry makes the endpoints of a cloud serve so many calls per second, all
// together, by as many workers as come closest to it, but at least one each. What
// is missing or too much they make up for by the pace of their work.
func (w *world) carry(cloud int, calls float64) {
	spec := &w.Clouds[cloud].Server
	servers := w.servers[cloud]
	each := calls / float64(len(servers)) * spec.Service.mean().Seconds() // workers
	workers := max(int(math.Round(each)), 1)
	for _, s := range servers {
		s.meter.advance(s)
		s.workers, s.pace = workers, float64(workers)/each
		s.next()
	}
	w.carrying[cloud] = calls
}

// meter measures how busy a server is.
type meter struct {
	at       time.Duration
	busy     float64 // workers × seconds at work so far
	able     float64 // workers × seconds so far
	arrived  uint64  // requests so far, probes apart
	served   uint64
	wasted   uint64 // of those served, the ones that nobody waited for any more
	refused  uint64
	expired  uint64
	reported struct { // what was so at the beginning of the window
		at         time.Duration
		busy, able float64
		taken      uint64
	}
	report balancer.LoadReport // of the last window that ended
}

// taken is how many requests were taken up so far.
func (m *meter) taken() uint64 { return m.arrived - m.refused }

// advance brings the sums up to now.
func (m *meter) advance(s *server) {
	passed := (s.loop.now - m.at).Seconds()
	m.busy += passed * float64(min(len(s.working), s.workers))
	m.able += passed * float64(s.workers)
	m.at = s.loop.now
}

// load returns what the server says of its load with an answer: how busy its
// workers were in the last window that ended, and how many calls were taken up per
// second.
// It says nothing before the first window's end.
func (m *meter) load(s *server) balancer.LoadReport {
	if s.spec.Report <= 0 {
		return balancer.LoadReport{}
	}
	if window := s.loop.now - m.reported.at; window >= s.spec.Report {
		m.advance(s)
		m.report = balancer.LoadReport{
			Application: (m.busy - m.reported.busy) / (m.able - m.reported.able),
			Calls:       float64(m.taken()-m.reported.taken) / window.Seconds(),
		}
		m.reported.at, m.reported.busy, m.reported.able, m.reported.taken = s.loop.now, m.busy, m.able, m.taken()
	}
	return m.report
}
