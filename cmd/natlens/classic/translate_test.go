package classic

import (
	"strings"
	"testing"

	"natlens/monitor/golden"
)

func TestTranslate(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"-L", "list --summary -o conntrack"},
		{"-L conntrack -p tcp", "list --summary -o conntrack -p tcp"},
		{"--dump -o id", "list --summary -o conntrack,id"},
		{"-L -o id --output=xml", "list --summary -o conntrack,id,xml"},
		{"-L --quiet", "list -o conntrack --quiet"},
		{"-p tcp -L", "list --summary -o conntrack -p tcp"},
		{"-Lz", "list --summary -o conntrack -z"},
		{"-zL", "list --summary -o conntrack -z"},
		{"-L -zo xml", "list --summary -o conntrack,xml -z"},
		{"-L dying", "list --summary --table=dying -o conntrack"},
		{"-L unc", "list --summary --table=unconfirmed -o conntrack"},
		{"-L -n 192.0.2.1", "list --summary -o conntrack --src-nat=192.0.2.1"},
		{"-L -l web", "list --summary -o conntrack,labels -l web"},
		{"-L -l web -o save", "list --summary -o conntrack,save -l web"},
		{"-E", "watch --raw --quiet --summary -o conntrack"},
		{"-Ep tcp", "watch --raw --quiet --summary -o conntrack -p tcp"},
		{"-E -- -L", "watch --raw --quiet --summary -o conntrack -- -L"},
		{"-G -p tcp", "get --summary -o conntrack -p tcp"},
		{"-D -s 192.0.2.1", "delete --yes --summary --all -o conntrack -s 192.0.2.1"},
		{"-F -f ipv6", "flush --yes -f ipv6"},
		{"-C", "count"},
		{"--counter", "count"},
		{"-S", "stats -o conntrack"},
		{"-S expect", "stats --table=expect -o conntrack"},
		{"-I -p udp", "create --summary -p udp"},
		{"-A -p udp", "create --if-missing --summary -p udp"},
		{"-U --label-del foo", "update --yes --summary --keep-going -o conntrack,labels --label-del=foo"},
		{"-U --label-del -p tcp", "update --yes --summary --keep-going -o conntrack,labels --label-del -p tcp"},
		{"-U -m 1", "update --yes --summary --keep-going -o conntrack -m 1"},
		{"-U -p sctp --orig-vtag 1", "update --yes --summary --keep-going -o conntrack -p sctp --orig-vtag=" + savedVTag("1")},
		{"-L expect -o xml", "expect list --summary -o conntrack,xml"},
		{"-E exp", "expect watch --summary -o conntrack"},
		{"-G expect -p tcp", "expect get -o conntrack -p tcp"},
		{"-D expect -p tcp", "expect delete --summary -p tcp"},
		{"-F expect", "expect flush --yes"},
		{"-C expect", "expect count"},
		{"-I expect -p tcp", "expect create --summary -p tcp"},
		{"list --limit 5", "list --limit 5"},
		{"list -g 192.0.2.1", "list --dst-nat=192.0.2.1"},
		{"delete -S", "delete -S"},
		{"list -- -L", "list -- -L"},
		{"-- -L", "-- -L"},
		{"--filter tcp", "--filter tcp"},
		{"", ""},
	} {
		got, ignored, err := Translate(strings.Fields(c.args))
		if line := strings.Join(got, " "); line != c.want || ignored != nil || err != nil {
			t.Errorf("%s: got %s, ignored %q, %v, want %s", c.args, line, ignored, err, c.want)
		}
	}
}

// TestIgnored expects flags that select nothing to be taken out and named.
func TestIgnored(t *testing.T) {
	for _, c := range []struct{ args, want, ignored string }{
		{"-L -a 192.0.2.1 -p tcp", "list --summary -o conntrack -p tcp", "--nat-range"},
		{"-E -c5 --secmark=5", "watch --raw --quiet --summary -o conntrack", "--secmark --secmark"},
		{"-D -c 5", "delete --yes --summary --all -o conntrack -c 5", ""},
		{"-L expect -a192.0.2.1", "expect list --summary -o conntrack", "--nat-range"},
		{"list -a 5", "list -a 5", ""},
		{"-L -- -a 5", "list --summary -o conntrack -- -a 5", ""},
		{"-I expect -u ASSURED -r 192.0.2.1 --reply-port-src 5", "expect create --summary", "--status --reply-src"},
	} {
		got, ignored, err := Translate(strings.Fields(c.args))
		for i := range ignored {
			ignored[i], _, _ = strings.Cut(ignored[i], " ")
		}
		if line := strings.Join(got, " "); line != c.want || strings.Join(ignored, " ") != c.ignored || err != nil {
			t.Errorf("%s: got %s, ignored %q, %v, want %s, %s", c.args, line, ignored, err, c.want, c.ignored)
		}
	}
}

// TestOtherTables expects a table that the command does not have to be an error: as a filter it would select other flows.
func TestOtherTables(t *testing.T) {
	for _, args := range []string{"-D dying", "-U expect", "-S unconf", "-R file", "-Rfile", "--load-file"} {
		_, _, err := Translate(strings.Fields(args))
		golden.Words(t, args, err)
	}
}
