package jsonl

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"natlens/monitor/replay"
)

func isSyntax(err error) bool {
	_, ok := errors.AsType[*json.SyntaxError](err)
	return ok
}

// syntaxError says why a line is no JSON.
func syntaxError(err error) error {
	if text := err.Error(); text != "unexpected end of JSON input" {
		return fmt.Errorf("not JSON: %s", text)
	}
	return replay.ErrCut
}

// memberError says which member has a value of the wrong type, which one, and what it
// should be.
func memberError(err error) error {
	t, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err
	}
	if t.Field == "" {
		return errors.New("not a JSON object")
	}
	return fmt.Errorf("%s: %s, want %s", t.Field, short(t.Value), wanted(t.Type))
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<t.Bits()-1)
	case reflect.Int32:
		return "a whole number of 32 bits"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}

// fail notes that a member has a value that it cannot have.
func (c *converter) fail(name, value, why string) {
	if c.err == nil {
		c.err = fmt.Errorf("%s: %q is %s", name, short(value), why)
	}
}

func (c *converter) failNumber(name string, n, limit uint64) {
	if c.err == nil {
		c.err = fmt.Errorf("%s: number %d, want a whole number from 0 to %d", name, n, limit)
	}
}

func (c *converter) tooLong(name string, n, limit int) {
	if c.err == nil {
		c.err = fmt.Errorf("%s: %d bytes, at most %d are possible", name, n, limit)
	}
}

// short cuts a value for an error message.
func short(s string) string {
	const limit = 64
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
