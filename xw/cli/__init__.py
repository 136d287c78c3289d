"""The command line: `commands` defines it, `quick` and `app` parse by that definition, the others print."""
