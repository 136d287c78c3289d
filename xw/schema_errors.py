"""Explain schema errors in xw's words: pydantic's own texts are for programmers.

It takes the errors of `config_schema` and `protocol`, the two modules that use pydantic. A test feeds both
all sorts of data, so that none of pydantic's texts remains.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from xw.text import nearest, visible

_NAME = "an instance name: 1 to 32 of a-z, 0-9 and '-', not starting with '-'"
_WORDS = {
    "string_type": "a string",
    "string_too_short": "a string that is not empty",
    "too_short": "a text that is not blank",
    "string_unicode": "a string of valid Unicode",
    "string_pattern_mismatch": _NAME,
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "greater_than": "a number greater than {gt:g}",
    "greater_than_equal": "a whole number, {ge} or more",
    "less_than": "a number less than {lt:,.0f}",
    "literal_error": "{expected}",
    "union_tag_invalid": "a kind that is one of {expected_tags}",
    "union_tag_not_found": "an object with a kind",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object, {{…}}",
    "model_type": "an object, {{…}}",
    "model_attributes_type": "an object, {{…}}",
}


def expected(error: Mapping[str, Any]) -> str:
    """Return what a pydantic error expects: `a string`, `1`, `'agent', 'human' or 'room'`."""
    words = _WORDS.get(error["type"])
    return words.format(**error.get("ctx", {})) if words else str(error["msg"])


def found(error: Mapping[str, Any]) -> str:
    """Return the value found instead, shortened and made visible."""
    return visible(repr(error["input"])[:80], keep="")


def unknown(name: object, known: Iterable[str]) -> str:
    """Return the alternatives to an unknown key: the nearest known ones, or all."""
    names = list(known)
    return nearest(str(name), names) or f" (known: {', '.join(names)})"
