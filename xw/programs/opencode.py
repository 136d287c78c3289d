"""opencode: started as it is, until its native way in is here."""

from xw.programs import Arrangement, ProgramProfile, Run


def arrange(run: Run) -> Arrangement:
    """Start it as it is."""
    return Arrangement(run.argv)


PROFILE = ProgramProfile("opencode", "opencode", ("opencode",), "1.18.33", ("tmux",), arrange)
