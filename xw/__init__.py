"""xw: durable mail between AI coding agents and people, in plain files.

The package's rows, from the top: cli (faces), actions (verbs), bridges and
rooms (flows), post, hub, sync and watch (travel), files and mailbox, then the
words: message, layout, config, errors. A module imports only from its own or a
lower row. `docs/architecture.md` has the whole in one page.
"""

__version__ = "0.1.0"
