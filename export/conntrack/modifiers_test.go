package conntrack

import (
	"testing"

	"natlens/monitor/golden"
)

func TestParseModifiers(t *testing.T) {
	for _, in := range []string{
		"", "id,timestamp,ktimestamp,extended,labels,xml,userspace", "ID,ext,k", "id,", "timestmap", "json", "save,userspace", "save,id",
	} {
		_, err := ParseModifiers(in)
		golden.Words(t, in, err)
	}
	o, err := ParseModifiers("ID,ext,k")
	if err != nil || !o.ID || !o.Extended || !o.KTimestamp || o.Timestamp || o.XML || o.Labels {
		t.Errorf("ID,ext,k is %+v, %v", o, err)
	}
}
