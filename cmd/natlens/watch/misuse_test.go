//go:build linux

package watch

import (
	"testing"

	"natlens/cmd/natlens/cli/clitest"
)

// Each misuse ends with one line.
func TestMisuse(t *testing.T) {
	clitest.CheckMisuse(t, New, `
2 --ouput x
2 --interim 10ms
2 --interim 60s --resync off
2 --interim 60s -o conntrack,id
2 --interim 60s --from DIR/there
2 --since 14:32
2 --from - --since 14:32
2 --from - --until 14:32
2 --from testdata/life.jsonl --since noon
2 --from testdata/life.jsonl --until noon
2 --from testdata/life.jsonl --until 2026-11-22T06:12:01Z
2 --from testdata/life.jsonl --since +2s --until 2026-11-22T06:12:01Z
2 --frobnicate
2 -Q
2 -o
2 --orig-src
2 --force=perhaps
2 dprot 443
2 tcp and dprot 443
2 dport 70000
2 tcp dport
2 src 10.0.0.256
2 label 128
2 --labelmap DIR/none.conf udp
2 -M
2 --labelmap DIR/there udp
2 -p tcpp
2 -p udp --state ESTABLISHED
2 -p tcp --state ESTABLISHD
2 -p tcp --dport 70000
2 -s 192.0.2.1 -s 192.0.2.2
2 -n -j
2 -e newest
2 --threshold syn-unanswered=5
2 --findings --resync off
2 --findings-to journald
2 --findings --findings-to journal
1 --from testdata/life.jsonl --findings --findings-to tcp://127.0.0.1:1
2 --findings -e new,destroy
2 --findings --threshold syn-unanswerd=5
2 --netns all -o pcapng
2 --netns all -o conntrack,save
2 -o jsn
2 -o yaml
2 -o id
2 -o jsonl,id
2 -o conntrack,idd
2 --history DIR -e new
2 --history DIR --resync off
2 --history DIR --keep 9
2 --history DIR --keep 9s
2 --keep 9d
2 --max-size 9GB
2 --history DIR --max-size big
2 --metrics 9742
1 --metrics 192.0.2.77:9742
2 --capture rnig
2 --ring 3M
2 --ring 12x
2 --buffer-size 0
2 -b 5GiB
2 --for 10
2 --for -1s
2 --limit -1
2 --resync maybe
1 --netns nowhere
1 --netns 2147483647
1 --netns /nowhere
1 --netns /dev/null
1 --output DIR
1 --output DIR --force
1 --output DIR/none/x
1 --output DIR/there
2 --raw --history DIR
2 --from testdata/life.jsonl --capture ring
2 --from testdata/life.jsonl --existing
2 --from testdata/life.jsonl --metrics 127.0.0.1:9742
2 --from testdata/life.jsonl --for -1s
2 --from - --from testdata/life.jsonl
1 --from DIR/none
1 --from DIR/there
`)
}

// Each misuse of record ends with one line.
func TestRecordMisuse(t *testing.T) {
	clitest.CheckMisuse(t, NewRecord, `
2 x.pcapng --netns all
2 --history DIR --rotate 1h
2 DIR/x --history DIR --keep 24 --keep 90d
2 DIR/x.pcapng --metrics localhost
2
2 x dprot 443
2 x --rotate often
2 x --rotate 1ms
2 x --rotate 5
2 --history x --max-size 50
2 x --rotate 1h --rotate 2h
2 x --keep 3
2 x --rotate 1h --keep -1
2 x --rotate 1h --force
1 DIR/there
`)
}

// A shell is offered what fits.
func TestCompletion(t *testing.T) {
	clitest.CheckCompletion(t, New, `
--cap → --capture
--capture| → auto ring socket
--capture|so → socket
--resync| → on off
-o| → pretty jsonl conntrack csv pcapng
-o|conntrack, → conntrack,xml conntrack,extended conntrack,timestamp conntrack,id conntrack,ktimestamp conntrack,labels conntrack,userspace conntrack,save
-o|conntrack,id,k → conntrack,id,ktimestamp
-e| → all new updates destroy
-e|new, → new,all new,updates new,destroy
--state|est → established
--state|EST → ESTABLISHED
-u|! → 
-p|ud → udp udplite
-f| → ipv4 ipv6
--for| → 
--threshold|idle → idle-flows=1000 idle-age=1h
--metrics| → 127.0.0.1:9742 [::1]:9742
--keep| → 
dpo → dport
tcp|dport|http → http http-alt https https-alt
tcp|dport| → == in
tcp dport  → tcp dport == tcp dport != tcp dport in tcp dport not in tcp dport < tcp dport <= tcp dport > tcp dport >=
snat and reply.dp → snat and reply.dport
(tcp or dpo → (tcp or dport
frob|dpo → 
helper|s → sane sip snmp
`)
}
