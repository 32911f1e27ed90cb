package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/fairlead-go/fairlead/failover"
)

// The state of a cloud of routing-api as the page shows it.
func stateOf(cloud string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('#service-routing-api-http ~ .card table tr')]
		.filter(r => r.cells[0].innerText.trim() === %q).map(r => r.cells[1].innerText).join()`, cloud)
}

// chart is the drawn course of the first chart.
const chart = `document.querySelector('path.edge').getAttribute('d')`

// A cloud dies before the eyes of somebody who looks at the page.
func TestOverview(t *testing.T) {
	w, b := newWorld(t), newTab(t)
	b.look(t, 1280, 900, "light")
	b.run(t, chromedp.Navigate(w.page))
	b.until(t, "the page is live", `document.querySelector('#connection').innerText === 'live'`)
	b.until(t, "the clouds are healthy", `document.querySelector('#headline').innerText.includes('All is well')`)
	b.shoot(t, "overview-well-light")

	before := b.value(t, chart)
	b.until(t, "the chart moves", chart+" !== "+fmt.Sprintf("%q", before))

	w.clouds.Cloud("onprem").Crash()
	b.until(t, "the state and its reason change", stateOf("onprem")+`.match(/down[^]*refused/)`)
	b.until(t, "the headline tells", `document.querySelector('#headline').innerText.includes('onprem is down')`)
	b.until(t, "the share is gone", `[...document.querySelectorAll('.legend')][0].innerText.match(/onprem 0 % down/)`)
	b.until(t, "the timeline tells", `document.querySelector('.timeline').innerText.includes('failover')`)
	b.shoot(t, "overview-down-light")
	b.look(t, 1280, 900, "dark")
	b.shoot(t, "overview-down-dark")
	b.look(t, 390, 844, "light")
	b.shoot(t, "overview-down-phone")
	if wide := b.value(t, `document.documentElement.scrollWidth`); wide != "390" {
		t.Errorf("the page is %s px wide on a screen of 390", wide)
	}
	b.look(t, 390, 844, "dark")
	b.shoot(t, "overview-down-phone-dark")

	w.clouds.Cloud("onprem").Restore()
	b.look(t, 1280, 900, "light")
	b.until(t, "the cloud is back", stateOf("onprem")+`.match(/recovering|healthy/)`)
	b.quiet(t, w.server.URL)
}

// A drill runs before the eyes of somebody who looks, and leaves its report.
func TestDrill(t *testing.T) {
	w, b := newWorld(t), newTab(t)
	b.look(t, 1280, 900, "light")
	b.run(t, chromedp.Navigate(w.page))
	b.until(t, "the clouds are healthy", `document.querySelector('#headline').innerText.includes('All is well')`)
	now := time.Now()
	for _, c := range []failover.Change{
		{ID: "drill-onprem", Kind: failover.KindDrill, Cloud: "onprem", Start: now, End: now.Add(8 * time.Second)},
		{ID: "to-gcp", Kind: failover.KindShift, Weights: map[string]uint32{"gcp": 60, "onprem": 40}, Services: []string{"tiles"}, Start: now.Add(2 * time.Hour), End: now.Add(24 * time.Hour), Ramp: 10 * time.Minute},
	} {
		if err := w.router.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	row := func(id string) string {
		return fmt.Sprintf(`[...document.querySelectorAll('#changes ~ .card table tr')].filter(r => r.cells[0].innerText.includes(%q)).map(r => r.innerText).join()`, id)
	}
	b.until(t, "the headline tells", `document.querySelector('#headline').innerText.includes('drill-onprem of onprem is running')`)
	b.until(t, "the drill runs", row("drill-onprem")+`.match(/running[^]*takes onprem out of use/)`)
	b.until(t, "the shift is to come", row("to-gcp")+`.match(/scheduled[^]*gcp to 60/)`)
	b.until(t, "the cloud is drained", stateOf("onprem")+`.match(/drained by drill-onprem/)`)
	b.until(t, "the chart tells", `[...document.querySelectorAll('.legend')][0].innerText.match(/onprem 0 % drained/)`)
	b.shoot(t, "overview-drill-light")
	b.look(t, 390, 844, "light")
	b.shoot(t, "overview-drill-phone")
	if wide := b.value(t, `document.documentElement.scrollWidth`); wide != "390" {
		t.Errorf("the page is %s px wide on a screen of 390", wide)
	}
	b.look(t, 1280, 900, "light")
	b.until(t, "the drill is over", row("drill-onprem")+`.match(/ended[^]*SUCCEEDED, RTO/)`)
	if err := w.router.Apply(failover.Change{ID: "drain-gcp", Kind: failover.KindDrain, Cloud: "gcp", Services: []string{"tiles"}, End: now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	b.until(t, "the drain runs", row("drain-gcp")+`.match(/running/)`)
	b.run(t, chromedp.Navigate(w.page+"changes"))
	b.until(t, "the report", `document.querySelector('main').innerText.match(/SUCCEEDED[^]*T0[^]*T3[^]*callers got what they should[^]*CLOUDS THAT STAYED[^]*gcp/)`)
	b.until(t, "the page is live", `document.querySelector('#connection').innerText === 'live'`)
	b.shoot(t, "changes-light")
	b.look(t, 1280, 900, "dark")
	b.shoot(t, "changes-dark")
	b.look(t, 390, 844, "light")
	b.shoot(t, "changes-phone")
	b.look(t, 390, 844, "dark")
	b.shoot(t, "changes-phone-dark")
	if wide := b.value(t, `document.documentElement.scrollWidth`); wide != "390" {
		t.Errorf("the changes are %s px wide on a screen of 390", wide)
	}
	if text := b.value(t, `document.querySelector('main').innerText`); !strings.Contains(text, "of its way") {
		t.Errorf("no progress of the drain:\n%s", text)
	}
	b.quiet(t, w.server.URL)
}

// The other views.
func TestViews(t *testing.T) {
	w, b := newWorld(t), newTab(t)
	b.look(t, 1280, 900, "light")
	for _, view := range []struct{ name, address, has string }{
		{"service", "service?name=routing-api", "routing-api"},
		{"endpoints", "endpoints?name=routing-api&protocol=http", "http://198.18.0.1:80"},
		{"changes-none", "changes", "There are none"},
		{"events", "events", "was put in force"},
		{"config", "config", "weight: 70"},
		{"explain", "explain", "Explain a call"},
	} {
		b.run(t, chromedp.Navigate(w.page+view.address))
		b.until(t, view.name, fmt.Sprintf(`document.querySelector('main').innerText.includes(%q)`, view.has))
		b.shoot(t, view.name+"-light")
		b.look(t, 1280, 900, "dark")
		b.shoot(t, view.name+"-dark")
		b.look(t, 390, 844, "light")
		b.shoot(t, view.name+"-phone")
		b.look(t, 390, 844, "dark")
		b.shoot(t, view.name+"-phone-dark")
		if wide := b.value(t, `document.documentElement.scrollWidth`); wide != "390" {
			t.Errorf("%s is %s px wide on a screen of 390", view.name, wide)
		}
		b.look(t, 1280, 900, "light")
	}
	b.quiet(t, w.server.URL)
}

// The form of the explain view is filled in and sent.
func TestExplain(t *testing.T) {
	w, b := newWorld(t), newTab(t)
	w.clouds.Cloud("onprem").Crash()
	b.look(t, 1280, 900, "light")
	b.run(t, chromedp.Navigate(w.page))
	b.until(t, "the cloud is down", `document.querySelector('#headline').innerText.includes('onprem is down')`)
	b.run(t, chromedp.Navigate(w.page+"explain"),
		chromedp.SetValue(chromedp.CSS(`[name=service]`), "routing-api"),
		chromedp.SendKeys(chromedp.CSS(`[name=product]`), "dispatch"),
		chromedp.SendKeys(chromedp.CSS(`[name=customer]`), `<b>acme</b>`),
		chromedp.SendKeys(chromedp.CSS(`[name=method]`), "GET /v1/route"+kb.Enter))
	b.until(t, "the answer", `document.querySelector('#answer')`)
	answer := b.value(t, `document.querySelector('#answer').innerText`)
	for _, want := range []string{"critical, protected: rule 0 says so", "gcp\n100 %", "onprem\n0 %", "nothing, because it is down"} {
		if !strings.Contains(strings.ReplaceAll(answer, " 100 %", "\n100 %"), want) && !strings.Contains(answer, strings.ReplaceAll(want, "\n", " ")) {
			t.Errorf("no %q in the answer:\n%s", want, answer)
		}
	}
	if value := b.value(t, `document.querySelector('[name=customer]').value`); value != "<b>acme</b>" {
		t.Errorf("the form asks for the customer %q", value)
	}
	b.shoot(t, "explain-answer-light")
	b.look(t, 1280, 900, "dark")
	b.shoot(t, "explain-answer-dark")
	b.look(t, 390, 844, "dark")
	b.shoot(t, "explain-answer-phone-dark")
	b.quiet(t, w.server.URL)
}

// The page serves those who use a keyboard or have it read to them.
func TestAccessible(t *testing.T) {
	w, b := newWorld(t), newTab(t)
	b.look(t, 1280, 900, "light")
	b.run(t, chromedp.Navigate(w.page))
	b.until(t, "the page is live", `document.querySelector('#connection').innerText === 'live'`)
	for what, script := range map[string]string{
		"language":          `document.documentElement.lang === 'en'`,
		"one main landmark": `document.querySelectorAll('main').length === 1 && document.querySelectorAll('header').length === 1`,
		"named navigation":  `!!document.querySelector('nav[aria-label] [aria-current=page]')`,
		"one first heading": `document.querySelectorAll('h1').length === 1`,
		"charts have words": `[...document.querySelectorAll('svg[role=img]')].every(s => /onprem \d/.test(s.getAttribute('aria-label')))`,
		"cells have heads":  `[...document.querySelectorAll('table')].every(t => t.querySelectorAll('th[scope=row]').length === t.tBodies[0].rows.length)`,
		"states have words": `[...document.querySelectorAll('.state')].every(s => /[a-z]{4}/.test(s.innerText))`,
		"signs are silent":  `[...document.querySelectorAll('.swatch, .sign')].every(s => s.getAttribute('aria-hidden') === 'true')`,
		"sections are named": `[...document.querySelectorAll('section')].every(s =>
			document.getElementById(s.getAttribute('aria-labelledby')))`,
	} {
		if got := b.value(t, script); got != "true" {
			t.Errorf("%s: %s", what, got)
		}
	}
	// The first stop of the keyboard leads past the navigation, and each stop is
	// seen. News don't take the focus away.
	focus := func() string {
		b.run(t, chromedp.KeyEvent(kb.Tab))
		return b.value(t, `document.activeElement.innerText + '|' + getComputedStyle(document.activeElement).outlineStyle`)
	}
	if got := focus(); got != "Skip to the content|solid" {
		t.Errorf("the first stop is %q", got)
	}
	for range 20 {
		if got := focus(); !strings.HasSuffix(got, "|solid") {
			t.Errorf("the focus isn't seen at %q", got)
		}
		if strings.HasPrefix(b.value(t, `document.activeElement.getAttribute('href')`), "service?") {
			break
		}
	}
	before := b.value(t, chart)
	b.until(t, "news", chart+" !== "+fmt.Sprintf("%q", before))
	if got := b.value(t, `document.activeElement.getAttribute('href')`); !strings.HasPrefix(got, "service?") {
		t.Errorf("the focus went to %q", got)
	}
	// Whom it disturbs that things change can stop it.
	b.run(t, chromedp.Click(chromedp.CSS("#pause")))
	b.until(t, "paused", `document.querySelector('#connection').innerText === 'paused'`)
	b.quiet(t, w.server.URL)
}

// Without scripts the page loads itself again.
func TestWithoutScripts(t *testing.T) {
	w, b := newWorld(t), newTab(t)
	b.withoutScripts(t)
	b.run(t, chromedp.Navigate(w.page))
	for seen := 0; seen < 2; {
		select {
		case path := <-w.asked:
			if path == prefix {
				seen++
			}
			if path == prefix+"live" {
				t.Fatal("a script ran")
			}
		case <-b.Done():
			t.Fatalf("the page was loaded %d times", seen)
		}
	}
}
