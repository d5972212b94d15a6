package tui

import (
	"slices"

	"natlens/tui/keys"
)

const seekStep = 10e9

// speeds are where the keys go on their way from slow to fast and back.
var speeds = [...]float64{0.1, 0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 100}

// faster is the next speed above another one, slower the next below.
func faster(than float64) float64 {
	i := slices.IndexFunc(speeds[:], func(s float64) bool { return s > than })
	if i < 0 {
		i = len(speeds) - 1
	}
	return speeds[i]
}

func slower(than float64) float64 {
	i, _ := slices.BinarySearch(speeds[:], than)
	return speeds[max(0, i-1)]
}

// addPlayKeys adds the actions that steer a recording.
func addPlayKeys(all keys.Actions, p Player) {
	all[keys.Play] = do(func() { p.Play(!p.State().On) })
	all[keys.Slower] = do(func() { p.Speed(slower(p.State().Speed)) })
	all[keys.Faster] = do(func() { p.Speed(faster(p.State().Speed)) })
	all[keys.SeekBack] = do(func() { st := p.State(); p.Seek(max(st.Start, st.At-seekStep)) })
	all[keys.SeekOn] = do(func() { st := p.State(); p.Seek(min(st.Finish, st.At+seekStep)) })
}
