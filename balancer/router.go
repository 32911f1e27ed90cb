package balancer

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairlead-go/fairlead/failover"
	"github.com/fairlead-go/fairlead/internal/virtual"
	"github.com/fairlead-go/fairlead/sla"
)

// stepEvery is the period of the controller: detection and planning.
const stepEvery = 50 * time.Millisecond

// simulatedEpoch is when simulations begin.
var simulatedEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Router decides where calls go. It is made by [New]; all of its methods may
// be called from any number of goroutines.
type Router struct {
	// Set by New, then only read.
	epoch   time.Time // router time is the time since then, by the monotonic clock
	log     *slog.Logger
	trace   Trace
	lookup  func(context.Context, string) ([]netip.Addr, error)
	dial    func(context.Context, string, string) (net.Conn, error)
	source  *fileSource // nil without WithFile
	machine *virtual.Machine
	jitter  float64 // of the slope: clients must not move in step
	seed    uint64  // of the subsets of endpoints
	onPaper bool    // it never runs: it says what a config means
	telemetry

	table atomic.Pointer[table] // what picks see
	day   atomic.Int64          // for levels: see sla.Day

	clocks sync.Pool // of *clock, for attempts
	hedges gate      // the goroutines of hedges

	storeMu sync.Mutex  // held while changes are saved; taken before mu
	store   ChangeStore // nil without WithStore
	stored  []byte      // as last loaded or saved

	adaptersMu sync.Mutex // held while an adapter is attached; taken before mu
	adapters   map[any]any

	// mu guards what follows and every service. The controller holds it for a
	// step, Update and the like for a change; never across I/O, a sleep or a
	// hook, and never on the way of a call.
	mu         sync.Mutex
	config     *Config      // resolved
	ledger     ledger       // what was promised and what was kept
	meters     []*sla.Meter // of the contracts; replaced with the config, never changed
	keeper     keeper
	levelKey   sla.LevelKey
	classifier *sla.Classifier
	sensitive  map[string]bool   // replaced with the config, never changed
	agenda     failover.Agenda   // what operators have planned
	weights    map[string]uint32 // of the config's clouds
	changeNews chan struct{}     // closed when something becomes of a change; nil while nobody waits
	unsaved    bool              // something has, and the store has to be told
	services   map[serviceKey]*service
	order      []*service                 // the same, sorted by name
	records    map[cloudKey]*cloudRecord  // of the clouds there are, and of some that were
	endings    map[tierRecordKey]*endings // likewise
	refusals   uint64                     // configs that were refused
	probers    [protocols]Prober
	targets    TargetResolver // nil until an adapter sets it
	newConfig  chan struct{}  // closed with the next config; nil while nobody waits
	slope      float64
	stepped    time.Duration // when the controller last ran
	loaded     time.Time     // when the config in force was put in force
	pending    []func()      // what hooks and log are to be told
	untold     int           // how much more there was
	events     events        // that happened lately
	sampled    time.Duration // when the shares were last kept

	waited       []chan struct{} // to be closed with the next table
	unknownTiers int             // how many the log has been told of

	ready   chan struct{} // closed once every cloud was reached or found down
	noted   chan struct{} // holds a token while something is pending
	closing chan struct{} // closed by Close
	ctx     context.Context
	cancel  context.CancelFunc // ends what the router does on the network
	wg      sync.WaitGroup     // the goroutines named at New
}

// New makes a router that is ready to pick at once. The config is copied. The
// error is a [*ConfigError] if the config is at fault; nothing is running then.
//
// The router owns a few goroutines until [Router.Close] is called: one
// controller, one that tells hooks and log, one for the file of [WithFile], one
// for the store of [WithSLAStore], one for each DNS name, and one for each probe
// and each hedge under way.
func New(cfg *Config, opts ...Option) (*Router, error) {
	r := newRouter(opts)
	err := r.update(cfg, r.loadChanges())
	r.noteConfig(err)
	if err != nil {
		r.cancel()
		return nil, err
	}
	if r.source != nil {
		r.reload() // the file has just been read: from now on only changes count
	}
	if r.keeper.store != nil {
		r.load()
	}
	if err := r.startTelemetry(); err != nil {
		r.cancel()
		return nil, err
	}
	r.start()
	return r, nil
}

// newRouter makes a router without a config, of which nothing runs.
func newRouter(opts []Option) *Router {
	r := &Router{
		epoch:    time.Now(),
		log:      slog.New(slog.DiscardHandler),
		lookup:   lookupNetIP,
		dial:     (&net.Dialer{}).DialContext,
		services: make(map[serviceKey]*service),
		records:  make(map[cloudKey]*cloudRecord),
		endings:  make(map[tierRecordKey]*endings),
		ready:    make(chan struct{}),
		noted:    make(chan struct{}, 1),
		closing:  make(chan struct{}),
	}
	for _, opt := range opts {
		opt(r)
	}
	if r.machine != nil {
		r.epoch = simulatedEpoch // or no simulation would run the same way again
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.jitter = 0.8 + 0.2*r.fraction()
	r.seed = rand.Uint64() // never the machine's: it would change every simulation
	return r
}

// start sets the controller going.
func (r *Router) start() {
	if r.machine != nil {
		r.machine.Step, r.machine.StepEvery = r.step, stepEvery
		return
	}
	r.wg.Go(r.control)
	r.wg.Go(r.telling)
	if r.source != nil {
		r.wg.Go(r.watch)
	}
	if r.keeper.store != nil {
		r.wg.Go(r.saving)
	}
}

// Ready returns when every service was reached in every cloud or found down
// there. It is optional: a router picks without it, and takes a cloud that
// nobody has heard of for healthy. The error is ctx's or [ErrClosed].
func (r *Router) Ready(ctx context.Context) error {
	select {
	case <-r.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("not every cloud was reached or found down: %w", context.Cause(ctx))
	case <-r.closing:
		return ErrClosed
	}
}

// Close ends the router and returns when all of its goroutines have ended.
// From then on calls fail with [ErrClosed]; attempts under way may go on, but
// hedges are given up. One that ignores its context is waited for at most 5 s. It
// may be called more than once, but not by a hook. The error is always nil.
func (r *Router) Close() error {
	r.mu.Lock()
	first := !r.closed()
	if first {
		close(r.closing)
		r.table.Store(&table{closed: true, sensitive: r.sensitive}) // attempts may go on
		for _, s := range r.order {
			s.moved()
		}
		r.configured()
		r.cancel()
	}
	r.mu.Unlock()
	r.stopTelemetry()
	r.wg.Wait()
	r.hedges.close(mostHedgeWait)
	if first && r.machine != nil && r.keeper.store != nil {
		r.save()
	}
	return nil
}

// Done returns a channel that is closed when the router is: for those who follow
// it, as a page does.
func (r *Router) Done() <-chan struct{} { return r.closing }

func (r *Router) closed() bool {
	select {
	case <-r.closing:
		return true
	default:
		return false
	}
}

// now is the router's time.
func (r *Router) now() time.Duration {
	if r.machine != nil {
		return r.machine.Now()
	}
	return time.Since(r.epoch)
}

// wall turns the router's time into a time of day.
func (r *Router) wall(t time.Duration) time.Time { return r.epoch.Add(t) }

func (r *Router) random() uint64 {
	if r.machine != nil {
		return r.machine.Rand()
	}
	return rand.Uint64()
}

// fraction returns a random number in [0, 1).
func (r *Router) fraction() float64 { return float64(r.random()>>11) / (1 << 53) }

func (r *Router) today() sla.Day { return sla.Day(r.day.Load()) }

// date asks what day it is.
func (r *Router) date() sla.Day {
	switch {
	case r.machine == nil:
		return sla.DayOf(time.Now())
	case r.machine.Day != nil:
		return sla.Day(r.machine.Day())
	}
	return 0
}

// refusal makes the error of a call that ends for the given cause.
//
//go:noinline
func (r *Router) refusal(s *serviceTable, class sla.Class, cause error) *CallError {
	e := &CallError{Service: s.name, Tier: s.tiers[class.Tier].Name, Cause: cause}
	for i := range s.clouds {
		e.Clouds = append(e.Clouds, s.clouds[i].status)
	}
	return e
}
