"""What `xw.json` and a card must look like, in pydantic; asked when one is written or looks wrong."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xw import layout
from xw.errors import Usage
from xw.expected import expected, found, unknown
from xw.text import visible

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
Name = Annotated[str, Field(pattern=r"\A[a-z0-9][a-z0-9-]{0,31}\z")]


class Bridge(BaseModel):
    """The bridge that `xw up` starts for an instance; `xw bridge` takes the same."""

    model_config = _STRICT

    kind: Annotated[str, Field(min_length=1)]
    target: str = ""
    notify: bool = False
    options: dict[str, str] = {}


class Instance(BaseModel):
    """An instance as `xw.json` describes it; its card says the same."""

    model_config = _STRICT

    description: str = ""
    capabilities: list[str] = []
    model: str = ""
    kind: Literal["agent", "human", "room"] = "agent"
    bridge: Bridge | None = None


class Config(BaseModel):
    """`xw.json`; `docs/configuration.md` describes it."""

    model_config = _STRICT

    format: Literal[1]
    hub: Annotated[str, Field(min_length=1)]
    instances: dict[Name, Instance] = {}
    peers: dict[str, object] = {}
    offline_s: Annotated[float, Field(gt=0, lt=1e9)] = 5.0
    retention_days: Annotated[int, Field(ge=1)] = 30


_LEVELS: tuple[type[BaseModel], ...] = (Config, Instance, Instance, Bridge)  # by the depth of a key


def check(data: object, path: str) -> None:
    """Usage with the file, the key and what is expected there, where `data` is no configuration."""
    try:
        parsed = Config.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        keys = [str(part) for part in first["loc"] if part != "[key]"]
        place = visible(".".join(keys) or "the file", keep="")
        if first["type"] == "extra_forbidden":
            known = _LEVELS[min(len(keys), 4) - 1].model_fields
            raise Usage(f"{path}: unknown key {place!r}{unknown(keys[-1], known)}") from None
        if first["type"] == "missing":
            raise Usage(f"{path}: {place} is required, and missing") from None
        raise Usage(f"{path}: {place}: expected {expected(first)}, found {found(first)}") from None
    for name in parsed.instances:
        if name in layout.RESERVED:
            raise Usage(f"{path}: instances: {name!r} is reserved: choose another name")
