package sla

import "strings"

// glob is a pattern cut up at its stars. One part is a pattern without a star,
// which matches only itself. Of more, the first must begin the text, the last
// must end it, and the others must follow one another in between.
type glob struct {
	parts []string
}

func newGlob(pattern string) glob {
	if pattern == "" {
		pattern = "*"
	}
	return glob{strings.Split(pattern, "*")}
}

// match takes time linear in the lengths of text and pattern: the leftmost
// place for a part leaves the most room for those after it, so that no place
// ever has to be tried again.
func (g glob) match(text string) bool {
	last := len(g.parts) - 1
	if last == 0 {
		return text == g.parts[0]
	}
	text, ok := strings.CutPrefix(text, g.parts[0])
	if !ok {
		return false
	}
	text, ok = strings.CutSuffix(text, g.parts[last])
	if !ok {
		return false
	}
	for _, part := range g.parts[1:last] {
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return true
}

// any reports whether g matches every text: whether it is nothing but stars.
func (g glob) any() bool {
	for _, part := range g.parts {
		if part != "" {
			return false
		}
	}
	return true
}
