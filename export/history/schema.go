package history

// schemaVersion is the user_version of segments and of the catalog. A file with
// another one is left alone.
const schemaVersion = 1

// applicationID marks the files as ours: "natl".
const applicationID = 0x6e61746c

// segmentSchema is told in docs/history.md, which a test compares with it.
var segmentSchema = `
CREATE TABLE flow (
	id       INTEGER PRIMARY KEY, -- in the order in which the flows ended
	start    INTEGER NOT NULL,    -- ns since 1970, UTC: the earliest
	took     INTEGER NOT NULL,    -- ns: the latest end is start + took
	proto    INTEGER NOT NULL,    -- IP protocol
	src      NOT NULL,            -- original source: IPv4 as a number, IPv6 as 16 bytes
	sport    INTEGER NOT NULL,    -- port, ICMP id or GRE key
	dst      NOT NULL,            -- original destination
	dport    INTEGER NOT NULL,
	nsrc,                         -- the source after SNAT; NULL: not rewritten
	nsport   INTEGER,
	ndst,                         -- the destination after DNAT; NULL: not rewritten
	ndport   INTEGER,
	nat      INTEGER NOT NULL,    -- 1 snat, 2 dnat, 4 port-only, 8 redirect, 16 no-bits
	zone     INTEGER,             -- conntrack zone; NULL: the default one
	netns    INTEGER,             -- id in namespace; NULL: the one of meta
	icmp     INTEGER,             -- type<<8 | code
	bytes    INTEGER,             -- original direction; NULL: the kernel did not count
	packets  INTEGER,
	rbytes   INTEGER,             -- reply direction
	rpackets INTEGER,
	reason   INTEGER NOT NULL,    -- 1 destroyed, 2 deleted, 3 replaced, 4 resync, 5 capture-ended, 6 restart, 7 namespace-end
	state    INTEGER,             -- last state, in the protocol's numbering
	status   INTEGER NOT NULL,    -- IPS_ bits
	doubt    INTEGER NOT NULL,    -- 1 began-before, 2 began-in-gap, 4 ended-in-gap, 8 gap, 16 restart
	sum      INTEGER NOT NULL     -- checksum of the other columns
);
CREATE TABLE outside (key NOT NULL, flow INTEGER NOT NULL, PRIMARY KEY (key, flow)) WITHOUT ROWID;
CREATE TABLE inside  (key NOT NULL, flow INTEGER NOT NULL, PRIMARY KEY (key, flow)) WITHOUT ROWID;
CREATE TABLE namespace (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE gap (
	since INTEGER NOT NULL,       -- ns since 1970, UTC
	until INTEGER NOT NULL,
	count INTEGER NOT NULL,
	least INTEGER NOT NULL,       -- 1: count is at least
	cause INTEGER NOT NULL,       -- 1 lost, 2 restart, 3 unwritten, 4 removed
	netns INTEGER                 -- id in namespace; NULL: all that were captured
);
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE VIEW translation AS
SELECT id,
	strftime('%Y-%m-%dT%H:%M:%fZ', start / 1e9, 'unixepoch') AS start,
	strftime('%Y-%m-%dT%H:%M:%fZ', (start + took) / 1e9, 'unixepoch') AS "end",
	proto, ` + addressText("i") + ` AS inside, inside_port, ` + addressText("o") + ` AS outside, outside_port,
	` + addressText("p") + ` AS peer, peer_port,
	nat, zone, (SELECT name FROM namespace WHERE namespace.id = netns) AS namespace, bytes, packets, rbytes, rpackets, reason, state, status, doubt
FROM (SELECT *, iif(nat & 2, ndst, src) AS i, iif(nat & 2, ndport, sport) AS inside_port,
	iif(nat & 2, dst, coalesce(nsrc, src)) AS o, iif(nat & 2, dport, coalesce(nsport, sport)) AS outside_port,
	iif(nat & 2, src, dst) AS p, iif(nat & 2, sport, dport) AS peer_port FROM flow);
CREATE VIEW gaps AS
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', since / 1e9, 'unixepoch') AS since,
	strftime('%Y-%m-%dT%H:%M:%fZ', until / 1e9, 'unixepoch') AS until,
	count, least, CASE cause WHEN 1 THEN 'lost' WHEN 2 THEN 'restart' WHEN 3 THEN 'unwritten' ELSE 'removed' END AS cause,
	(SELECT name FROM namespace WHERE namespace.id = netns) AS namespace
FROM gap;
`

// addressText is SQL that writes the address which another expression yields: an
// IPv4 one with dots, an IPv6 one with all of its eight groups.
func addressText(of string) string {
	four, six := "", ""
	for _, shift := range []string{"24", "16", "8", "0"} {
		four += "||'.'||((" + of + ") >> " + shift + " & 255)"
	}
	for _, at := range []string{"1", "5", "9", "13", "17", "21", "25", "29"} {
		six += "||':'||substr(lower(hex(" + of + ")), " + at + ", 4)"
	}
	return "iif(typeof(" + of + ") = 'integer', " + four[len("||'.'||"):] + ", " + six[len("||':'||"):] + ")"
}

// catalogSchema is that of the catalog: which segments there are, and what times
// they hold.
const catalogSchema = `
CREATE TABLE segment (
	seq    INTEGER PRIMARY KEY, -- the file is this number with eight digits and .sqlite
	class  INTEGER NOT NULL,    -- 0 short lives, 1 long ones
	state  INTEGER NOT NULL,    -- 0 being written, 1 complete, 2 complete and of one file
	start  INTEGER,             -- ns since 1970: the earliest start; NULL: no flow
	until  INTEGER,             -- the latest end
	flows  INTEGER,
	bytes  INTEGER,             -- size of the file
	gap_since INTEGER,          -- the times of its gaps; NULL: none
	gap_until INTEGER
);
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
`
