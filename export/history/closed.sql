CREATE TABLE translation (
	id            INTEGER PRIMARY KEY, -- rises with each commit, over all files
	flow          INTEGER NOT NULL, -- number of the flow; both sides of a flow have the same
	start         INTEGER NOT NULL, -- ns since 1970, UTC: the earliest
	end           INTEGER NOT NULL, -- the latest; 0: it is open
	proto         INTEGER NOT NULL, -- IP protocol
	side          TEXT NOT NULL,    -- source, destination
	inside        TEXT NOT NULL,
	inside_port   INTEGER,          -- port, ICMP id or GRE key; NULL if the protocol has none
	outside       TEXT NOT NULL,
	outside_port  INTEGER,
	peer          TEXT NOT NULL,
	peer_port     INTEGER,
	peer_nat      TEXT,             -- the peer after the other side's rewrite; NULL: not rewritten
	peer_nat_port INTEGER,
	nat           INTEGER NOT NULL, -- 1 snat, 2 dnat, 4 port-only, 8 redirect, 16 no-bits
	icmp          INTEGER,          -- type<<8 | code
	zone          INTEGER NOT NULL, -- conntrack zone
	netns         TEXT NOT NULL,    -- network namespace; '': it has no name
	ctid          INTEGER,          -- the kernel's id of the flow
	state         INTEGER,          -- last state, in the protocol's numbering
	status        INTEGER NOT NULL, -- IPS_ bits
	reason        INTEGER NOT NULL, -- 0 open, 1 destroyed, 2 deleted, 3 replaced, 4 resync, 5 capture-ended, 6 restart, 7 namespace-end
	doubt         INTEGER NOT NULL, -- 1 began-before, 2 began-in-gap, 4 ended-in-gap, 8 gap, 16 restart
	orig_packets  INTEGER,          -- NULL: the kernel did not count
	orig_bytes    INTEGER,
	reply_packets INTEGER,
	reply_bytes   INTEGER,
	local         TEXT              -- process or container of this host, as JSON; NULL: none is known
);

CREATE INDEX outside ON translation (outside, outside_port, start);

CREATE INDEX inside ON translation (inside, start);
