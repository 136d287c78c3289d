"""The command line, end to end: every command, every exit code, every kind of bad input."""
