"""The `--json` output of the commands about keys."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads typing's from Python 3.12 on

from xw.shapes.words import Format, Name, Path, Time

Fingerprint = Annotated[str, Field(description="A key's fingerprint: SHA256 in base64.")]
Public = Annotated[str, Field(description="The public key: `ssh-ed25519 AAAA…`.")]


class Known(TypedDict):
    """A key that is known here."""

    name: Name
    key: Fingerprint
    public: Public
    how: Annotated[
        str,
        Field(
            description="Why it is the name's: made here, trusted, first seen, served hub, led to, "
            "allowed_signers."
        ),
    ]
    since: Annotated[Time | None, Field(description="When it was seen; null for allowed_signers.")]
    confirmed: Annotated[bool, Field(description="True by a person's word, a team's file or a served hub.")]
    here: Annotated[Path | None, Field(description="The private key's file, if it is the one in use here.")]


class Keys(TypedDict):
    """The keys that are known here for a hub."""

    format: Format
    name: Name
    hub: str
    hub_id: str
    allowed_signers: Annotated[Path | None, Field(description="The team's file, if there is one.")]
    keys: list[Known]


class Renewed(TypedDict):
    """A new key of an instance."""

    format: Format
    name: Name
    key: Fingerprint
    before: Annotated[Fingerprint | None, Field(description="The key that it replaces, if that was here.")]
    file: Path
    lost: bool


class Exported(TypedDict):
    """A key that was written for another machine."""

    format: Format
    name: Name
    hub: str
    hub_id: str
    key: Fingerprint
    file: Annotated[Path | None, Field(description="The file; null for standard output.")]
    text: Annotated[str | None, Field(description="The text, a secret, if it was not written to a file.")]


class Imported(TypedDict):
    """A key that came from another machine."""

    format: Format
    name: Name
    hub: Annotated[str, Field(description="The hub as the other machine names it.")]
    hub_id: str
    key: Fingerprint
    file: Path
    new: Annotated[bool, Field(description="False if it was here already.")]


class Signer(TypedDict):
    """An instance's public keys."""

    format: Format
    name: Name
    keys: list[Public]
    allowed_signers: Annotated[list[str], Field(description="Lines for the team's file.")]


class Trusted(TypedDict):
    """The keys of an instance that a person has confirmed, or made xw forget."""

    format: Format
    name: Name
    trusted: list[Fingerprint]
    before: Annotated[list[Fingerprint], Field(description="The keys that were known before.")]
    forgotten: list[Fingerprint]


class Admitted(TypedDict):
    """A name that one more machine may use."""

    format: Format
    name: Name
    hub: Path
