"""xw: durable mail between AI coding agents and people, in plain files.

The package's rows, from the top: cli (faces), actions (verbs), hub and watch
(travel), files and mailbox, then the words: message, layout, config, errors.
A module imports only from its own or a lower row.
"""

__version__ = "0.1.0"
