package sla

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Report says what was promised and what was kept. It is plain data; as JSON, its
// durations are in nanoseconds.
type Report struct {
	At time.Time `json:"at"`
	// Compliance is the part of the contracts that have error budget left, in
	// per cent; 100 if none is declared.
	Compliance float64 `json:"compliance_percent"`
	// Contracts are sorted by what is left of their budget, the least first.
	Contracts []ContractStanding `json:"contracts"`
	// Tiers are sorted in the same way. A call of a contract counts in its tier,
	// too.
	Tiers []TierStanding `json:"tiers"`
}

// ContractStanding is how a contract stands.
type ContractStanding struct {
	Name string `json:"name"`
	Standing
}

// TierStanding is how a tier of a service stands.
type TierStanding struct {
	Service string `json:"service"`
	Tier    string `json:"tier"`
	Standing
}

// NewReport returns the report about these contracts and tiers. It sorts them.
func NewReport(at time.Time, contracts []ContractStanding, tiers []TierStanding) Report {
	slices.SortFunc(contracts, func(a, b ContractStanding) int {
		return cmp.Or(cmp.Compare(a.Left, b.Left), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(tiers, func(a, b TierStanding) int {
		return cmp.Or(cmp.Compare(a.Left, b.Left), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Tier, b.Tier))
	})
	r := Report{At: at.UTC(), Compliance: 100, Contracts: contracts, Tiers: tiers}
	if len(contracts) > 0 {
		r.Compliance = 100 * float64(r.compliant()) / float64(len(contracts))
	}
	return r
}

// Report returns the report as of the time of the snapshot, which must be valid.
func (s Snapshot) Report() Report {
	var contracts []ContractStanding
	for _, c := range s.Contracts {
		contracts = append(contracts, ContractStanding{c.Name, c.Record.standing(s.At, c.Objective)})
	}
	var tiers []TierStanding
	for _, t := range s.Tiers {
		tiers = append(tiers, TierStanding{t.Service, t.Tier, t.Record.standing(s.At, t.Objective)})
	}
	return NewReport(s.At, contracts, tiers)
}

func (r Record) standing(at time.Time, o Objective) Standing {
	h := newHistory()
	h.restore(r, at)
	return h.standing(at, o)
}

func (r Report) compliant() int {
	n := 0
	for _, c := range r.Contracts {
		if c.Compliant() {
			n++
		}
	}
	return n
}

// String returns the report as text, at most 80 columns wide.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s UTC: ", r.At.UTC().Format("2006-01-02 15:04:05"))
	if n := len(r.Contracts); n == 0 {
		b.WriteString("no contract is declared\n")
	} else {
		fmt.Fprintf(&b, "%d of %d contracts have error budget left, %.4g %%\n\n", r.compliant(), n, r.Compliance)
		heading(&b, "contract")
		for _, c := range r.Contracts {
			c.line(&b, c.Name)
		}
	}
	if len(r.Tiers) > 0 {
		b.WriteString("\n")
		heading(&b, "service, tier")
		for _, t := range r.Tiers {
			t.line(&b, t.Service+", "+t.Tier)
		}
	}
	return b.String()
}

func heading(b *strings.Builder, what string) {
	fmt.Fprintf(b, "%-22s%9s%10s%7s%10s%8s%8s%6s\n", what, "target", "good", "in", "calls", "bad", "budget", "burn")
}

// line writes a line of the table. The burn rate is that of the last hour, marked
// if it alarms.
func (s Standing) line(b *strings.Builder, name string) {
	mark := ""
	if Paging(s.Burns) {
		mark = "!"
	}
	fmt.Fprintf(b, "%-22s%9s%10s%7s%10s%8s%8s%6s\n", shorten(name, 21), percent(s.Target), percent(s.GoodPart()),
		fmt.Sprintf("%dh", s.Window/time.Hour), short(s.Good+s.Bad), short(s.Bad), budget(s.Left), mark+rate(s.Burns[0].LongRate))
}

// shorten cuts a name to a number of characters. Its end tells more than its
// middle.
func shorten(name string, most int) string {
	if utf8.RuneCountInString(name) <= most {
		return name
	}
	runes := []rune(name)
	return string(runes[:most/2]) + "…" + string(runes[len(runes)-(most-most/2-1):])
}

// percent never rounds up to what isn't so: 99.9999 % is not 100 %.
func percent(part float64) string {
	return fmt.Sprintf("%.7g%%", float64(int64(part*1e7+1e-3))/1e5)
}

func budget(left float64) string { return clip(fmt.Sprintf("%.0f%%", 100*left), left) }

// clip writes what is less than −999 % as that.
func clip(text string, left float64) string {
	if left < -9.99 {
		return "<-999%"
	}
	return text
}

func rate(burn float64) string {
	if burn >= 100 {
		return fmt.Sprintf("%.0f", min(burn, 9999))
	}
	return fmt.Sprintf("%.1f", burn)
}

// short writes a number in at most 7 characters.
func short(n uint64) string {
	switch {
	case n < 1e7:
		return fmt.Sprint(n)
	case n < 1e9:
		return fmt.Sprintf("%.1fM", float64(n)/1e6)
	case n < 1e12:
		return fmt.Sprintf("%.1fG", float64(n)/1e9)
	}
	return fmt.Sprintf("%.0fT", float64(n)/1e12)
}
