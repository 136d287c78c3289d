"""The command line: `commands` says what there is, `quick` and `app` both parse by it, the rest prints."""
