"""Any program that nobody described: its environment, and its instructions in a file."""

from xw.programs import Arrangement, ProgramProfile, Run


def arrange(run: Run) -> Arrangement:
    """Start it as it is."""
    program = run.argv[0].rpartition("/")[2]
    mail = "it gets its mail by typing, and" if run.pane else "it gets"
    note = f"xw has no profile for {program}: {mail} no hooks, permissions or tools"
    return Arrangement(run.argv, notes=(note,))


PROFILE = ProgramProfile("generic", "any other program", (), "", ("tmux",), arrange, version=())
