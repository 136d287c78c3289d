"""`NamedTuple` without the import of `typing`: for type checkers typing's own, for Python the class below.

Importing `typing` costs a third of a bare Python start, for each `xw check` of each agent. Modules on that
path declare frozen values with this class, exactly as with `typing.NamedTuple`.
"""

TYPE_CHECKING = False  # type checkers read it as true

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from collections import namedtuple

    class _FromAnnotations(type):
        def __new__(mcs, name, bases, body):
            if not bases:
                return super().__new__(mcs, name, bases, body)
            fields = body.get("__annotations__", {})
            defaults = [body.pop(field) for field in fields if field in body]
            base = namedtuple(name, fields, defaults=defaults, module=body["__module__"])
            return type(name, (base,), {"__slots__": (), **body})

    class NamedTuple(metaclass=_FromAnnotations):
        """A tuple with named, typed fields, as `typing.NamedTuple`."""
