package sla

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
)

// levelsWith is a fingerprint of a key.
func levelsWith(k LevelKey) (levels [64]uint8) {
	for i := range levels {
		levels[i] = Level(k, "acme", Day(i))
	}
	return levels
}

func TestParseLevelKey(t *testing.T) {
	k := testKey(t, "secret")
	if levelsWith(testKey(t, "secret")) != levelsWith(k) {
		t.Error("the same secret gives different keys")
	}
	if levelsWith(testKey(t, " secret\r\n")) != levelsWith(k) {
		t.Error("white space around the secret changes the key")
	}
	if levelsWith(testKey(t, "Secret")) == levelsWith(k) {
		t.Error("different secrets give the same key")
	}
	for _, s := range []string{"", " \n"} {
		if _, err := ParseLevelKey(s); err == nil || err.Error() != "sla: the level key is empty" {
			t.Errorf("ParseLevelKey(%q): error %v", s, err)
		}
	}
}

func TestRandomLevelKey(t *testing.T) {
	one, other := RandomLevelKey(), RandomLevelKey()
	if levelsWith(one) == levelsWith(other) {
		t.Error("two random keys are the same")
	}
}

func TestZeroLevelKeyIsRandomOncePerProcess(t *testing.T) {
	var k LevelKey
	if levelsWith(k) != levelsWith(LevelKey{}) {
		t.Error("two zero keys differ")
	}
	if levelsWith(k) == levelsWith(levelKeyOf([16]byte{})) {
		t.Error("the zero key is all zeros, which anybody can guess")
	}
}

// Whatever a program does with a key, also by accident, must not print it.
func TestLevelKeyIsRedacted(t *testing.T) {
	k := levelKeyOf([16]byte{0xfe, 0xed, 0xfa, 0xce, 0xca, 0xfe, 0xbe, 0xef, 0xde, 0xad, 0xbe, 0xef, 0xba, 0xad, 0xf0, 0x0d})
	hidden := struct{ key LevelKey }{k} // fmt cannot call the methods of an unexported field
	c, err := NewClassifier([]Tier{{Name: "standard"}}, nil, "standard", k)
	if err != nil {
		t.Fatal(err)
	}

	printed := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%08x", "% x", "%z"} {
		printed[verb] = fmt.Sprintf(verb, k)
		printed[verb+" of a pointer"] = fmt.Sprintf(verb, &k)
		printed[verb+" of a field"] = fmt.Sprintf(verb, struct{ Key LevelKey }{k})
		printed[verb+" of a hidden field"] = fmt.Sprintf(verb, hidden)
		printed[verb+" of a classifier"] = fmt.Sprintf(verb, c)
	}
	marshalled, err := json.Marshal(map[string]any{"key": k, "hidden": hidden})
	if err != nil {
		t.Fatal(err)
	}
	printed["json"] = string(marshalled)
	printed["LogValue"] = k.LogValue().String()
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("", "key", k, "hidden", hidden)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("", "key", k, "hidden", hidden)
	printed["slog"] = log.String()

	for how, text := range printed {
		for _, half := range k.halves() {
			for _, base := range []int{2, 8, 10, 16} {
				if strings.Contains(strings.ToLower(text), strconv.FormatUint(half, base)) {
					t.Errorf("%s shows half of the key: %s", how, text)
				}
			}
		}
	}
	for how, want := range map[string]string{
		"%v": "[redacted]", "%s": "[redacted]", "%d": "[redacted]",
		"LogValue": "[redacted]", "%#v": "sla.LevelKey{[redacted]}", "json": `{"hidden":{},"key":"[redacted]"}`,
	} {
		if printed[how] != want {
			t.Errorf("%s prints %s, want %s", how, printed[how], want)
		}
	}
}
