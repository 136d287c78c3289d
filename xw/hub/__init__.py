"""Mail between mailboxes: one contract, and one file for each kind of hub."""
