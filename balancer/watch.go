package balancer

import "time"

// watchEvery is the period at which the config file is read.
const watchEvery = time.Second

// watch follows the config file until the router is closed.
func (r *Router) watch() {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.reload()
		case <-r.closing:
			return
		}
	}
}

// reload puts the file's config in force if it has changed and is good.
func (r *Router) reload() {
	next, err, changed := r.source.poll()
	switch {
	case !changed:
	case err != nil:
		r.noteConfig(err)
	case next == nil:
		r.mu.Lock()
		r.note(func() { r.log.Info("the config file is again what is in force") })
		r.mu.Unlock()
	default:
		news := true
		if err = r.update(next, nil); err == nil {
			r.source.taken()
		} else {
			news = r.source.refused(err)
		}
		if news {
			r.noteConfig(err)
		}
	}
}
