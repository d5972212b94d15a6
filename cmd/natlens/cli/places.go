package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"natlens/monitor"
	"natlens/monitor/annotate"
	"natlens/monitor/filter"
)

// PlaceFlags are the files with the places of addresses.
type PlaceFlags struct{ paths []string }

// Register adds --mmdb.
func (c *PlaceFlags) Register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&c.paths, "mmdb", nil, "show country, city and AS of addresses by this `file` in "+
		"MaxMind's format; may be repeated")
	InGroup(cmd.Flags(), GroupOutput, "mmdb")
}

// Open opens the files for a filter and other fields. Without files it returns nil, or a usage
// error if one of these is a place.
func (c *PlaceFlags) Open(x filter.Expr, fields ...filter.Field) (monitor.Places, error) {
	needed := filter.NeedsPlaces(x)
	for _, f := range fields {
		needed = needed || filter.NeedsPlaces(filter.Text{Field: f})
	}
	if len(c.paths) == 0 && needed {
		return nil, Usagef("country, city and as need --mmdb FILE, such as GeoLite2-City.mmdb")
	}
	places, err := annotate.OpenPlaces(c.paths)
	if err != nil {
		return nil, fmt.Errorf("--mmdb: %w", err)
	}
	return places, nil
}
