"""Mail between a mailbox on this machine and a remote hub.

Verbs use `carrier`; `mirror` remembers the hub's state and talks to it within limits; `plan` decides, `sync`
acts, `watcher` repeats it.
"""
