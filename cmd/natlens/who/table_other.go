//go:build !linux

package who

import "natlens/cmd/natlens/cli"

func (o *options) openTable() (*place, error) {
	return nil, cli.Usagef("the kernel's table needs Linux; on this platform use --history DIR or --from FILE")
}
