package main

import (
	"github.com/spf13/cobra"

	"natlens/export/text"
	"natlens/monitor/filter"
)

// labelEnv is what a filter needs to know of labels: the names of a
// connlabel.conf, "" for the usual one, or why there are none.
func labelEnv(file string) filter.Env {
	labels, err := text.ReadLabels(file)
	return filter.Env{Labels: labels.Bits(), Nameless: err}
}

// registerLabelMap adds conntrack(8)'s --labelmap, which 1.4.9 brought. The names
// count in the filter and in the output.
func (c *filterConfig) registerLabelMap(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&c.labelFile, "labelmap", "M", c.labelFile, "names of labels: this `file` in the place of "+text.LabelFile)
	cmd.Flags().Lookup("labelmap").DefValue = ""
}

// named is the console with the names of labels that the command line asks for.
func (c *filterConfig) named(con console) console {
	con.LabelFile = c.labelFile
	return con
}
