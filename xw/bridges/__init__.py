"""Bridges present an instance's mail to a chat program and file its answers as mail.

`chat` is the seam: what a chat program must be able to do. `frame` writes the
one form in which mail is presented. `kinds` lists the implementations, each a
file of its own.
"""
