package monitor

// Tracking says which rules turn connection tracking on in a network namespace. IPVS, Open
// vSwitch and BPF programs may do it too.
type Tracking struct {
	IPv4, IPv6 bool     // the families that are tracked because of By
	By         []string // the first few, as "ip nat postrouting: masq": family, table, chain or object, action
	Count      int      // how many there are
	Legacy     []string // tables of iptables-legacy, whose rules cannot be read
	Unread     string   // why rules could not be read; "" if they could
}
