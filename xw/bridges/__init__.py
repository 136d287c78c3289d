"""Bridges present an instance's mail to a chat program and file its answers as mail.

`chat` is the seam, the contract of every chat program. `kinds` lists the implementations, one file each.
`serve` runs a bridge: `loop` takes one message after another through the chat, `turn` records its progress,
`frame` writes the one form in which mail is presented, and `announce` announces new mail without its body.
"""
