"""`xw launch`: `foreground` runs one agent program, `panes` several in tmux.

Importing this package imports none of it: `doctor` needs `findings` alone.
"""
