//go:build !linux

package who

import "natlens/cmd/natlens/cli"

func (o *options) openTable() (*place, error) {
	return nil, cli.Usagef("the live table is Linux's: here who searches --history DIR and --from FILE")
}
