// Package cli is what the commands of natlens share: the console, usage errors and exit codes,
// questions, groups of flags with their completions, and help.
//
// Each command is a package. It has a struct of options, New(console) that returns the cobra
// command, and a run(options) that tests call with their own streams:
//
//	o := options{con: con}
//	cmd := &cobra.Command{Use: "count", Args: cli.NoArgs}
//	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), &o) }
//	o.capture.RegisterNetNS(cmd)
//
// A group of flags is a struct with Register. Its other methods read the values, and return
// usage errors (exit code 2) before anything is opened.
package cli
