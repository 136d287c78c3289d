"""The JSON that xw prints and keeps in files, as types: the source of `docs/schemas/`.

`words` are the scalars, `files` the files of the format, `mail`, `upkeep` and `rooms` what commands print
with `--json`, `table` says which command prints which. mypy checks each value against its type where it
is made; `tests/schemas/` makes the JSON Schemas from the types and validates real output.

Nothing imports this at run time: it needs pydantic, and the schemas are made before they are shipped.
"""
