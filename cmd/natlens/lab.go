//go:build linux && !nolab && !noui

package main

import "natlens/cmd/natlens/lab"

func init() { newLab = lab.New }
