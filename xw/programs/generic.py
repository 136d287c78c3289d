"""Any program that nobody described: its environment, and its instructions in a file."""

from xw.programs import Arrangement, ProgramProfile, Run


def arrange(run: Run) -> Arrangement:
    """Start it as it is."""
    program = run.argv[0].rpartition("/")[2]
    return Arrangement(
        run.argv, notes=(f"xw does not know {program}: no hooks, permissions or tools are set up",)
    )


PROFILE = ProgramProfile("generic", "any other program", (), "", ("tmux",), arrange, version=())
