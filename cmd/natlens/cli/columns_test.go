package cli

import "testing"

func TestColumns(t *testing.T) {
	got := Columns([][]string{{"", "total", "cpu 0"}, {"found", "8", "3", "what it means"}, {"insert", "4,294,967,296", "5"}}, 1, 3)
	const want = `                total  cpu 0
found               8      3  what it means
insert  4,294,967,296      5
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
