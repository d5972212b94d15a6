package replay_test

import (
	"testing"

	"natlens/monitor/replay"
)

// TestFindingLines expects lines of findings to be passed over without a word,
// also as the last one and without its end.
func TestFindingLines(t *testing.T) {
	const finding = `{"v":1,"seq":2,"event":"finding","finding":"appeared","rule":"idle","flows":3,"figures":{"flows":3},"examples":[{"flow":7}]}`
	got, src := written(t, replay.Bytes(config, "some.jsonl", []byte(finding+"\n"+eventLine(3, 3)+finding)))
	if st := src.Stats(); string(got) != eventLine(3, 3) || st.Bad != 0 || st.Cut != nil {
		t.Errorf("%+v\n%s", st, got)
	}
}
