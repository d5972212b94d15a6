package conntrack

import "testing"

func TestParseModifiers(t *testing.T) {
	tests := []struct{ in, err string }{
		{"", ""},
		{"id,timestamp,ktimestamp,extended,labels,xml,userspace", ""},
		{"ID,ext,k", ""},
		{"id,", `unknown output modifier "": it is one of xml, extended, timestamp, id, ktimestamp, labels, userspace, save`},
		{"timestmap", `unknown output modifier "timestmap": did you mean timestamp?`},
		{"json", `unknown output modifier "json": it is one of xml, extended, timestamp, id, ktimestamp, labels, userspace, save`},
		{"save,userspace", ""},
		{"save,id", ErrSaveAlone.Error()},
	}
	for _, tt := range tests {
		_, err := ParseModifiers(tt.in)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tt.err {
			t.Errorf("%q: error %q, want %q", tt.in, got, tt.err)
		}
	}
	o, err := ParseModifiers("ID,ext,k")
	if err != nil || !o.ID || !o.Extended || !o.KTimestamp || o.Timestamp || o.XML || o.Labels {
		t.Errorf("ID,ext,k is %+v, %v", o, err)
	}
}
