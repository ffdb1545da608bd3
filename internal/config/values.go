package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// Settings that are not text read themselves. One that cannot be read does not end the reading: Check names
// it together with everything else that is wrong.

// quote returns what was given in place of a good value, for a message. A URL in the wrong place is not repeated:
// it may hold a password.
func quote(text string) string {
	if strings.Contains(text, "://") {
		return "a URL"
	}
	return strconv.Quote(text)
}

// Duration is a length of time, such as 1m30s.
type Duration struct {
	time.Duration
	unreadable string // what was given instead, see quote
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d = Duration{} // a flag that is given twice is read twice, and the last counts
	if d.Duration, err = time.ParseDuration(string(text)); err != nil {
		d.unreadable = quote(string(text))
	}
	return nil
}

func (d Duration) check(name string, least, most time.Duration) []string {
	switch {
	case d.unreadable != "":
		return []string{fmt.Sprintf("%s must be a duration such as 5s, not %s", name, d.unreadable)}
	case d.Duration < least || d.Duration > most:
		return []string{fmt.Sprintf("%s must be between %v and %v, not %v", name, least, most, d.Duration)}
	}
	return nil
}

// Count is a number of things.
type Count struct {
	N          int
	unreadable string // what was given instead, see quote
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Count) UnmarshalText(text []byte) (err error) {
	*c = Count{}
	if c.N, err = strconv.Atoi(string(text)); err != nil {
		c.unreadable = quote(string(text))
	}
	return nil
}

func (c Count) check(name string, least, most int) []string {
	switch {
	case c.unreadable != "":
		return []string{fmt.Sprintf("%s must be a whole number, not %s", name, c.unreadable)}
	case c.N < least || c.N > most:
		return []string{fmt.Sprintf("%s must be between %d and %d, not %d", name, least, most, c.N)}
	}
	return nil
}

// Switch is on or off; on the command line its flag alone turns it on.
type Switch struct {
	On         bool
	unreadable string // what was given instead, see quote
}

// IsBool implements kong.BoolMapperValue.
func (*Switch) IsBool() bool { return true }

// Decode implements kong.BoolMapperValue.
func (s *Switch) Decode(ctx *kong.DecodeContext) error {
	*s = Switch{On: true}
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		return nil
	}
	text := ctx.Scan.Pop().String()
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on":
	case "false", "0", "no", "off", "":
		s.On = false
	default:
		s.unreadable = quote(text)
	}
	return nil
}

func (s Switch) check(name string) []string {
	if s.unreadable != "" {
		return []string{fmt.Sprintf("%s must be true or false, not %s", name, s.unreadable)}
	}
	return nil
}
