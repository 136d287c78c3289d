"""Claude Code: started as it is, until its native way in is here."""

from xw.programs import Arrangement, ProgramProfile, Run


def arrange(run: Run) -> Arrangement:
    """Start it as it is."""
    return Arrangement(run.argv)


PROFILE = ProgramProfile("claude", "Claude Code", ("claude", "claude-code"), "2.1.332", ("tmux",), arrange)
