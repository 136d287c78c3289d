"""How mail travels between a mailbox on this machine and a hub that lies elsewhere.

`carrier` is what verbs use; `mirror` keeps what is known of the hub and talks
to it within limits; `plan` decides, `sync` acts, `watcher` repeats it.
"""
