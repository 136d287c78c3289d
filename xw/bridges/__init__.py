"""Bridges present an instance's mail to a chat program and file its answers as mail.

`chat` is the seam: what a chat program must be able to do. `kinds` lists the
implementations, each a file of its own. `serve` runs a bridge: `loop` takes one
message after another through the chat, `turn` keeps how far it has come, `frame`
writes the one form in which mail is presented, `announce` only says that there is some.
"""
