package page

import "natlens/monitor"

// Local returns the process or container of a flow; nil if none is known.
func (s *Session) Local(f *monitor.Flow) *monitor.Local {
	if s.Env.Local == nil {
		return nil
	}
	return s.Env.Local(f)
}
