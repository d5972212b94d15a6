package cli

// Value is the value of a flag, for pflag: each text that is given is passed to Read.
type Value struct {
	Read func(text string) error
	Kind string // what help and errors call the value, if the usage does not
}

// Set passes the text on.
func (v Value) Set(text string) error { return v.Read(text) }

// String returns the default, which is empty.
func (Value) String() string { return "" }

// Type returns Kind.
func (v Value) Type() string { return v.Kind }
