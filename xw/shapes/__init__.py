"""The JSON that xw prints and stores, as types: the source of `docs/schemas/`.

`words` has the scalars, `files` the files of the format, `mail`, `upkeep` and `rooms` the output of commands
with `--json`, and `table` assigns shapes to commands. mypy checks each value against its type where it is
made; `tests/schemas/` makes the JSON Schemas from the types and validates real output.

Nothing imports this package at run time: it needs pydantic, and the schemas are made before they are shipped.
"""
