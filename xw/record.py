"""`NamedTuple` without its price: typing's, to the type checker; a dozen lines here, to Python.

Importing `typing` costs a third of a bare Python start-up, which each
`xw check` of each agent would pay. Frozen values of the modules on that path
are declared with this class, exactly as with `typing.NamedTuple`.
"""

TYPE_CHECKING = False  # type checkers read a variable of this name as true

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
