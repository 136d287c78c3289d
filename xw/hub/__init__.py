"""How mail travels between mailboxes: one contract, one file for each kind of hub."""
