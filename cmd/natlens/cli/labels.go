package cli

import (
	"github.com/spf13/cobra"

	"natlens/export/text"
	"natlens/monitor/filter"
)

// LabelEnv is what a filter needs to know of labels: the names of a
// connlabel.conf, "" for the usual one, or why there are none.
func LabelEnv(file string) filter.Env {
	labels, err := text.ReadLabels(file)
	return filter.Env{Labels: labels.Bits(), Nameless: err}
}

// RegisterLabelMap adds conntrack(8)'s --labelmap, which 1.4.9 brought. The names
// count in the filter and in the output.
func (c *FilterFlags) RegisterLabelMap(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&c.LabelFile, "labelmap", "M", c.LabelFile, "names of labels: this `file` in the place of "+text.LabelFile)
	cmd.Flags().Lookup("labelmap").DefValue = ""
}

// Named is the console with the names of labels that the command line asks for.
func (c *FilterFlags) Named(con Console) Console {
	con.LabelFile = c.LabelFile
	return con
}
