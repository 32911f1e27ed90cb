package balancer

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fairlead-go/fairlead/sla"
)

// textWidth is the width of an explanation in columns, and textMargin that of
// what stands left of its texts.
const (
	textWidth  = 80
	textMargin = 11
)

// String returns the explanation for a terminal of 80 columns. It ends without a
// line feed, and control characters in it are escaped.
func (e Explanation) String() string {
	var b strings.Builder
	method := e.Method
	if method == "" {
		method = "a call"
	}
	line(&b, "call", fmt.Sprintf("%s to %s over %s, at %s", method, e.Service, e.Protocol, e.At.UTC().Format("2006-01-02 "+timeOfDay)))
	line(&b, "tier", e.tierText())
	line(&b, "level", e.levelText())
	line(&b, "time", e.timeText())
	if e.Contract != "" {
		line(&b, "contract", fmt.Sprintf("%s, with %s of its error budget left", e.Contract, percent(*e.BudgetLeft)))
	}
	hedge := "none"
	switch {
	case e.Hedge > 0 && e.HedgeAfter == 0:
		hedge = "none until there are enough answers to tell when"
	case e.Hedge > 0:
		hedge = fmt.Sprintf("at most %s of the tier's calls, after %v", percent(e.Hedge), e.HedgeAfter.Round(10*time.Microsecond))
	}
	line(&b, "hedging", hedge)
	line(&b, "shed", e.shedText())
	if e.Held != "" {
		line(&b, "held", e.Held)
	}
	if e.Observe != "" {
		line(&b, "observed", "every call goes to "+e.Observe+", whatever the shares say")
	}
	for _, c := range e.Clouds {
		line(&b, c.Cloud, c.text())
		for _, endpoint := range c.Endpoints {
			line(&b, "", endpoint.text())
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (e *Explanation) tierText() string {
	s := e.Tier
	if e.Protected {
		s += ", protected"
	}
	switch e.TierBy {
	case sla.ByContext:
		s += ": the context names it"
	case sla.ByRule:
		s += fmt.Sprintf(": rule %d says so, %s", e.Rule, e.RuleText)
	case sla.ByDefault:
		s += ": the default, because no rule matches"
	}
	if e.UnknownTier != "" {
		s += fmt.Sprintf("; the context names %q, which the config doesn't have", e.UnknownTier)
	}
	return s
}

func (e *Explanation) levelText() string {
	s := fmt.Sprintf("%d of 0…127", e.Level)
	switch e.LevelBy {
	case sla.ByContext:
		return s + ": the context says so"
	case sla.ByCustomer:
		return s + ": a keyed hash of the customer and the day"
	}
	return s + ": by chance, another with each call without a customer"
}

func (e *Explanation) timeText() string {
	s := "no limit"
	switch e.TimeoutBy {
	case "tier":
		s = fmt.Sprintf("%v, the tier's timeout", e.Timeout)
	case "caller":
		s = fmt.Sprintf("%v, the caller's deadline", e.Timeout.Round(time.Millisecond))
	}
	return s + fmt.Sprintf("; at most %d attempts; the retry budget holds %.1f", e.Attempts, e.RetryTokens)
}

func (e *Explanation) shedText() string {
	switch {
	case e.Fail:
		return "fails at once: no cloud may be tried"
	case e.Waits:
		return "waits for the first address of a cloud it may go to"
	case e.Shed == sla.ShedInFlight:
		return "yes: as many attempts are in flight as may be"
	case e.ShedFraction > 0:
		s := "no"
		if e.Shed == sla.ShedCapacity {
			s = "yes"
		}
		return fmt.Sprintf("%s: there is no room for %s of the tier's calls, those of level %d and above", s, percent(e.ShedFraction), e.ShedLevel)
	}
	return "no"
}

func (c *CloudExplanation) text() string {
	s := fmt.Sprintf("%s, %s: %s; %s since %s", percent(c.Share), c.Reason, c.Text, c.State, c.Since.UTC().Format(timeOfDay))
	if c.StateReason != "" && !strings.HasSuffix(c.Text, c.StateReason) {
		s += " (" + c.StateReason + ")"
	}
	if c.P50 > 0 {
		s += fmt.Sprintf("; p50 %v, p99 %v", c.P50.Round(10*time.Microsecond), c.P99.Round(10*time.Microsecond))
	}
	if !c.Room {
		s += "; as many attempts are in flight as may be"
	}
	if !c.Retries {
		s += "; no retry goes there"
	}
	return s
}

func (e *EndpointExplanation) text() string {
	s := e.Endpoint + " may be chosen"
	if !e.Eligible {
		s = e.Endpoint + " is out: " + e.Reason
	}
	return s + fmt.Sprintf(", %d in flight", e.InFlight)
}

// percent writes a fraction.
func percent(f float64) string { return fmt.Sprintf("%.3g %%", 100*f) }

// line writes a name and a text that is broken at spaces to stay within the
// width. Whatever is longer than a line is broken anywhere.
func line(b *strings.Builder, name, text string) {
	name = printable(name)
	if utf8.RuneCountInString(name) >= textMargin { // on a line of its own
		b.WriteString(name + "\n")
		name = ""
	}
	fmt.Fprintf(b, "%-*s", textMargin, name)
	at := textMargin
	for i, word := range strings.Fields(printable(text)) {
		n := utf8.RuneCountInString(word)
		if i > 0 && at+1+n > textWidth {
			fmt.Fprintf(b, "\n%*s", textMargin, "")
			at = textMargin
		} else if i > 0 {
			b.WriteByte(' ')
			at++
		}
		for _, r := range word {
			if at == textWidth {
				fmt.Fprintf(b, "\n%*s", textMargin, "")
				at = textMargin
			}
			b.WriteRune(r)
			at++
		}
	}
	b.WriteByte('\n')
}

// printable escapes what a terminal would obey or hide.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}
