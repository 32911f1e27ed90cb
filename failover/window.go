package failover

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Window is a time that comes back every week.
type Window struct {
	// Days are the days of the week on which it begins: mon, tue, wed, thu, fri,
	// sat, sun. Default: every day.
	Days []string
	// From is the time of day when it begins, such as "22:00". Default: "00:00".
	From string
	// To is the time of day when it ends, such as "06:00": on the next day if that
	// is no later than From. Default: "24:00".
	To string
	// Zone is the time zone of From and To, such as Asia/Seoul: a name of the IANA
	// database, which the host or the program must have. Default: UTC.
	Zone string
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // as time.Weekday counts

// String says the window as a person would: "mon,tue 22:00–06:00 Asia/Seoul".
func (w Window) String() string {
	days := ""
	if len(w.Days) > 0 {
		days = strings.Join(w.Days, ",") + " "
	}
	return fmt.Sprintf("%s%s–%s %s", days, cmp.Or(w.From, "00:00"), cmp.Or(w.To, "24:00"), cmp.Or(w.Zone, "UTC"))
}

// longestLook is how many days of an occurrence are compared with windows.
const longestLook = 400

// span is a time from from to just before to.
type span struct{ from, to time.Time }

// times returns when the window is between two times, in order.
func (w *Window) times(from, to time.Time) []span {
	zone, err := time.LoadLocation(w.Zone)
	if err != nil {
		zone = time.UTC // Faults has said so
	}
	begins, _ := clockTime(cmp.Or(w.From, "00:00"))
	ends, _ := clockTime(cmp.Or(w.To, "24:00"))
	if ends <= begins {
		ends += 24 * 60
	}
	var spans []span
	year, month, day := from.In(zone).Date()
	for i := -2; i < longestLook; i++ {
		at := func(minutes int) time.Time { return time.Date(year, month, day+i, 0, minutes, 0, 0, zone) }
		s := span{at(begins), at(ends)}
		if s.from.After(to) {
			break
		}
		weekday := weekdays[time.Date(year, month, day+i, 12, 0, 0, 0, zone).Weekday()]
		if (len(w.Days) == 0 || slices.Contains(w.Days, weekday)) && s.to.After(from) {
			spans = append(spans, s)
		}
	}
	return spans
}

// clockTime reads a time of day as minutes since midnight.
func clockTime(text string) (int, error) {
	if text == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return 0, fmt.Errorf("must be a time of day from \"00:00\" to \"24:00\", is %q", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}

// windows returns why an occurrence may not happen when it would, or nil.
func (c *Change) windows(start, end time.Time) *Refusal {
	start, end = c.moving(start, end)
	for i := range c.Blocked {
		for _, s := range c.Blocked[i].times(start, end) {
			if s.from.Before(end) || !s.from.After(start) {
				return &Refusal{Rule: RuleWindow, Reason: fmt.Sprintf("it would touch a blocked time: %v", c.Blocked[i])}
			}
		}
	}
	if len(c.Allowed) == 0 {
		return nil
	}
	var spans []span
	for i := range c.Allowed {
		spans = append(spans, c.Allowed[i].times(start, end)...)
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	reached := start
	for _, s := range spans {
		if !s.from.After(reached) && s.to.After(reached) {
			reached = s.to
		}
	}
	if reached.Before(end) || reached.Equal(start) {
		return &Refusal{Rule: RuleWindow, Reason: "it would not lie within the allowed times"}
	}
	return nil
}
