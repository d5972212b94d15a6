package cli

// Gateway is a network namespace that a command made for a run: that of the lab.
type Gateway struct {
	FD      int    // descriptor of the namespace
	Name    string // what the user interface calls it
	Started func() // called when the run listens
}
