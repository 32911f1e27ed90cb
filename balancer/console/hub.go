package console

import (
	"sync"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

const (
	// tick is how often those who look get news, and how old a snapshot may be.
	tick = time.Second
	// mostViewers is how many streams there may be at a time.
	mostViewers = 256
	// mostMissed is how many news a viewer may miss, one after the other, until it
	// counts as too slow.
	mostMissed = 5
)

// hub takes snapshots of a router for all who look. What a stream sends is
// rendered once per tick for all its viewers. As long as nobody looks there is no
// goroutine, and nothing is computed.
type hub struct {
	router *balancer.Router

	// mu is held while a snapshot is taken and rendered, and never across I/O.
	// The router's lock is taken inside it.
	mu      sync.Mutex
	last    *snapshot
	taken   time.Time
	rooms   map[room]*audience
	viewers int
	stop    chan struct{} // ends the sampler; nil while there is none
}

// room is what some viewers look at.
type room struct{ view, service, protocol string }

// audience are those in a room.
type audience struct {
	viewers map[*viewer]struct{}
	told    uint64 // the last event that they know
	state   []byte // how things were at the last tick, as it is sent
}

// viewer is one stream.
type viewer struct {
	room   room
	news   chan []byte // closed when the viewer is too slow, or nothing follows
	missed int
}

func newHub(router *balancer.Router) *hub {
	return &hub{router: router, rooms: make(map[room]*audience)}
}

// recent returns a snapshot that is at most a tick old.
func (h *hub) recent() *snapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil || time.Since(h.taken) >= tick {
		h.take()
	}
	return h.last
}

// take takes a snapshot. The caller holds mu.
func (h *hub) take() {
	s := &snapshot{status: h.router.Status(), history: h.router.History()}
	select {
	case <-h.router.Done():
		s.closed = true
	default:
	}
	h.last, h.taken = s, time.Now()
}

// join makes a viewer, and returns it with what it has to be sent first: for one
// that follows events, those after the one that it knows. It returns nil if there
// are too many viewers.
func (h *hub) join(to room, knows uint64) (*viewer, []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.viewers >= mostViewers {
		return nil, nil
	}
	if h.viewers == 0 {
		h.take()
		h.stop = make(chan struct{})
		go h.sample(h.stop)
	}
	a := h.rooms[to]
	if a == nil {
		a = &audience{viewers: make(map[*viewer]struct{}), told: h.last.lastEvent(), state: h.last.state(to)}
		h.rooms[to] = a
	}
	v := &viewer{room: to, news: make(chan []byte, 1)}
	a.viewers[v] = struct{}{}
	h.viewers++
	return v, append(h.last.changes(to, knows, a.told), a.state...)
}

// leave ends a viewer. The last one ends the sampler. It may be called again.
func (h *hub) leave(v *viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remove(v)
}

// remove is leave for a caller who holds mu.
func (h *hub) remove(v *viewer) {
	a := h.rooms[v.room]
	if a == nil {
		return
	}
	if _, there := a.viewers[v]; !there {
		return
	}
	delete(a.viewers, v)
	close(v.news)
	if len(a.viewers) == 0 {
		delete(h.rooms, v.room)
	}
	if h.viewers--; h.viewers == 0 {
		close(h.stop)
		h.stop = nil
	}
}

// sample gives news to all viewers, once per tick, until stop is closed. When the
// router is closed they are told so and leave.
func (h *hub) sample(stop chan struct{}) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			h.tell(stop, false)
		case <-h.router.Done():
			h.tell(stop, true)
			return
		case <-stop:
			return
		}
	}
}

// tell renders what is new and hands it out.
func (h *hub) tell(stop chan struct{}, end bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stop != stop {
		return // the last viewer has left, and perhaps another come
	}
	h.take()
	for to, a := range h.rooms {
		a.state = h.last.state(to)
		message := append(h.last.changes(to, a.told, h.last.lastEvent()), a.state...)
		a.told = h.last.lastEvent()
		for v := range a.viewers {
			select {
			case v.news <- message:
				v.missed = 0
			default:
				v.missed++
			}
			if end || v.missed >= mostMissed {
				h.remove(v)
			}
		}
	}
}

// dismiss ends all viewers, as when their server shuts down.
func (h *hub) dismiss() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.rooms {
		for v := range a.viewers {
			h.remove(v)
		}
	}
}
