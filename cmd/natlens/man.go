//go:build !nohistory && !nometrics && !noui && !nolab

package main

import "natlens/cmd/natlens/man"

func init() { newMan = man.New } // the pages describe the whole program
