"""The JSON Schemas of `docs/schemas/`: made here from the types in `xw/shapes`, and used to validate."""
