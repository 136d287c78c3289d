"""The schema of `xw.json` and of cards, in pydantic; used when one is written or looks wrong."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xw import layout
from xw.errors import Usage
from xw.schema_errors import expected, found, unknown
from xw.text import visible
from xw.words import Delivery, SenderPolicy

_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
Name = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,31}$")]


class Bridge(BaseModel):
    """The bridge that `xw up` starts for an instance; `xw bridge` takes the same."""

    model_config = _STRICT

    kind: str = Field(min_length=1, description="socket, tmux, command, claude, codex, opencode or acp.")
    target: str = Field("", description="The chat: a socket, a pane or a command line.")
    notify: bool = Field(False, description="Only announce new mail in the chat; claim nothing.")
    options: dict[str, str] = Field({}, description="Settings of this kind of chat.")


class Instance(BaseModel):
    """An instance in `xw.json`; its card has the same keys."""

    model_config = _STRICT

    description: str = Field("", description="One line for the peers.")
    capabilities: list[str] = []
    model: str = Field("", description="The model it runs on.")
    kind: Literal["agent", "human", "room"] = "agent"
    bridge: Bridge | None = None
    delivery: Delivery | None = Field(None, description="When it is shown mail by itself.")
    senders: SenderPolicy | None = Field(None, description="The policy for mail of uncertain senders.")


class Config(BaseModel):
    """The configuration of xw in a project; docs/configuration.md describes it."""

    model_config = _STRICT

    dialect: str = Field("", alias="$schema", description="The place of this JSON Schema, for editors.")
    format: Literal[1]
    hub: str = Field(min_length=1, description="A path from this file's folder, a URL, or a hub's name.")
    instances: dict[Name, Instance] = Field({}, description="The instances that act from this project.")
    peers: dict[str, object] = Field(
        {}, description="The other instances; an explicit `xw sync` writes them."
    )
    offline_s: float = Field(5.0, gt=0, lt=1e9, description="Seconds that an automatic sync may take.")
    retention_days: int = Field(30, ge=1, description="Days until `xw gc` removes handled mail.")
    away_days: int = Field(14, ge=1, description="Days of silence after which `all` leaves out an instance.")
    senders: SenderPolicy = Field("show", description="The same for all instances that do not set their own.")


_LEVELS: tuple[type[BaseModel], ...] = (Config, Instance, Instance, Bridge)  # by the depth of a key


def check(data: object, path: str) -> None:
    """Raise Usage with the file, the key and the expected value unless `data` is a valid configuration."""
    try:
        parsed = Config.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        keys = [str(part) for part in first["loc"] if part != "[key]"]
        place = visible(".".join(keys) or "the file", keep="")
        if first["type"] == "extra_forbidden":
            fields = _LEVELS[min(len(keys), 4) - 1].model_fields
            known = [field.alias or name for name, field in fields.items()]
            raise Usage(f"{path}: unknown key {place!r}{unknown(keys[-1], known)}") from None
        if first["type"] == "missing":
            raise Usage(f"{path}: {place} is required, and missing") from None
        raise Usage(f"{path}: {place}: expected {expected(first)}, found {found(first)}") from None
    for name in parsed.instances:
        if name in layout.RESERVED:
            raise Usage(f"{path}: instances: {name!r} is reserved: choose another name")
