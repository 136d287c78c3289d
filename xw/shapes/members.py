"""The `--json` output of the commands about the members of a served hub."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's from Python 3.12 on

from xw.shapes.upkeep import Moved
from xw.shapes.words import Format, Name, Path, Seconds, Time

Key = Annotated[str, Field(description="A key's fingerprint: SHA256 in base64.")]


class Invitation(TypedDict):
    """An invitation, and the line that uses it on the new machine."""

    format: Format
    name: Name
    hub: Path
    url: Annotated[str, Field(description="The hub's URL for other machines.")]
    command: Annotated[str, Field(description="The command for the new machine; a secret until it is used.")]
    key: Annotated[str, Field(description="The fingerprint of the one-time key.")]
    until: Time
    file: Annotated[Path, Field(description="sshd's file with the key.")]


class Member(TypedDict):
    """A key of a member, an invitation, or a mailbox without a key; times by the hub's clock."""

    name: Name
    key: Annotated[str | None, Field(description="The fingerprint of its key, or of the one-time key.")]
    since: Annotated[Time | None, Field(description="When the key came, or the invitation was made.")]
    seen: Annotated[Time | None, Field(description="The last sign of life of the name.")]
    age_s: Annotated[Seconds | None, Field(description="Seconds since then.")]
    invited_until: Annotated[Time | None, Field(description="For an invitation: when it expires.")]
    mailbox: Annotated[bool, Field(description="True if the hub has a mailbox of this name.")]


class Members(TypedDict):
    """The members of a hub on this host, by name."""

    format: Format
    hub: Path
    file: Annotated[Path, Field(description="sshd's file with the keys.")]
    members: list[Member]


class Removed(TypedDict):
    """A member's keys and invitations that were removed, and with `--unregister` its mailbox."""

    format: Format
    name: Name
    hub: Path
    file: Annotated[Path, Field(description="sshd's file with the keys.")]
    keys: list[Key]
    invitations: list[Key]
    mailbox: Annotated[bool, Field(description="True if the hub still has a mailbox of this name.")]
    archives: Annotated[list[Path], Field(description="The places of the kept mailbox.")]
    returned: Annotated[list[Moved], Field(description="Its unhandled mail, back at its senders.")]


MemberRenamed = TypedDict(
    "MemberRenamed",
    {
        "format": Format,
        "from": Name,
        "to": Name,
        "hub": Path,
        "file": Annotated[Path, Field(description="sshd's file with the keys.")],
        "keys": list[Key],
        "archives": Annotated[list[Path], Field(description="The places of the old name's mailbox.")],
        "returned": Annotated[list[Moved], Field(description="Its unhandled mail, back at its senders.")],
    },
)
MemberRenamed.__doc__ = "A member's new name, and what became of its old mailbox."
