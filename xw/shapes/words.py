"""The scalars used by all shapes."""

from typing import Annotated, Literal

from pydantic import Field

Format = Literal[1]
Name = Annotated[
    str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", description="The name of an instance or room.")
]
Id = Annotated[
    str,
    Field(pattern=r"^[0-9]{8}T[0-9]{12}Z-[0-9a-hjkmnp-tv-z]{8}$", description="The whole id of a message."),
]
Time = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$",
        description="RFC 3339 in UTC, to the microsecond.",
        json_schema_extra={"format": "date-time"},
    ),
]
AnyTime = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$",
        description="RFC 3339; xw writes UTC.",
        json_schema_extra={"format": "date-time"},
    ),
]
Seconds = Annotated[float, Field(description="A duration or an age in seconds.")]
Count = Annotated[int, Field(ge=0)]
Path = Annotated[str, Field(description="A path on this machine.")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SenderWord = Annotated[
    str,
    Field(
        pattern=r"^(verified(, first seen)?|unsigned(, though [a-z0-9-]{1,32} signs)?|FORGED|NEW KEY)$",
        description="The status of its sender.",
    ),
]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,119}$")]
STATUS = (
    "The status of its sender: verified; verified, first seen; unsigned; unsigned, though NAME signs; "
    "FORGED; NEW KEY; or, in a room, as the room says."
)
