// Package browser looks at the console (balancer/console) in a real browser:
// Debian's Chromium, without a head, driven over its DevTools. It holds tests only
// and is a module of its own, so that who imports the library doesn't get what
// drives the browser.
//
// The tests skip where there is no Chromium, unless CI=true. With -shots DIR they
// leave pictures of the pages there.
package browser
