"""Ways to pass for somebody else: each writes a file into bob's mailbox, as whoever can write to a hub could.

An attacker has everything but others' private keys: all files of the hub, its id, everybody's public key and
old mail, and a key of his own (eve's), which bob knows. Each way returns the name of its file, and the word
that bob must be shown for it; None if the file is no mail at all, and must be set aside.
"""

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.signing.conftest import EVE
from xw import clock, layout
from xw.message import encode
from xw.signing import line, sshsig
from xw.signing.keys import PrivateKey, base64, generate
from xw.words import Type

Fields = dict[str, object]
FORGED, NEW_KEY, DOWNGRADE = "FORGED", "NEW KEY", "unsigned, though alice signs"


class Spoof(NamedTuple):
    """A file that an attacker has put into bob's `pending/`, and the word that bob must be shown, or None."""

    name: str
    word: str | None


class Scene:
    """bob's mailbox on a hub, genuine mail of alice's to him, and to carol; eve, who can write everywhere."""

    def __init__(
        self,
        hub: Path,
        genuine: Mapping[str, list[bytes]],
        other_hub: list[bytes],
        alices_key: PrivateKey,
        seed: int,
    ) -> None:
        self.hub = hub
        self.hub_id = (hub / "hub.id").read_text().strip()
        self.to_bob, self.to_carol = genuine["bob"], genuine["carol"]
        self.from_other_hub = other_hub
        self.alices_key = alices_key  # for what she signs elsewhere
        self.chance = random.Random(seed)
        self._at = clock.from_rfc3339("2026-11-29T00:00:00Z")

    def later(self) -> int:
        """Return a time of sending that no message had."""
        self._at += self.chance.randrange(1, 10_000_000)
        return self._at

    def put(self, name: str, data: bytes) -> str:
        """Write a file into bob's `pending/`."""
        (self.hub / "bob/inbox/pending" / name).write_bytes(data)
        return name

    def put_as(self, data: bytes, sender: str, kind: Type = "task", stamp: str = "") -> str:
        """Write bytes under the name that they must have to be read."""
        stamp = stamp or clock.stamp(clock.from_rfc3339(str(json.loads(data)["sent"])))
        return self.put(str(layout.FileName(f"{stamp}-{layout.digest(data)}", kind, sender)), data)

    def fields(self, sender: str = "alice", **more: object) -> Fields:
        """Return the fields of a message to bob."""
        text = "".join(self.chance.choice("abc é\n😀") for _ in range(self.chance.randrange(1, 60)))
        return {
            "from": sender,
            "type": "task",
            "to": ["bob"],
            "re": None,
            "thread": None,
            "body": text,
            **more,
        }

    def write(self, fields: Fields, key: PrivateKey | None = None, hub_id: str = "") -> str:
        """Write a message, signed with a key or not."""

        def sign(data: bytes) -> bytes:
            return data if key is None else line.signed(data, key, hub_id or self.hub_id)

        return self.put(*encode(fields, self.later(), sign))

    def of_alice(self) -> bytes:
        """Return a genuine message of alice's to bob."""
        return self.chance.choice(self.to_bob)


def unsigned(scene: Scene) -> Spoof:
    """Leave the signature out."""
    return Spoof(scene.write(scene.fields()), DOWNGRADE)


def stripped(scene: Scene) -> Spoof:
    """Take a genuine message's signature away."""
    data = line.split(scene.of_alice())[1]
    return Spoof(scene.put_as(data, "alice"), DOWNGRADE)


def with_a_fresh_key(scene: Scene) -> Spoof:
    """Sign as alice with a new key."""
    return Spoof(scene.write(scene.fields(), generate("alice@xw")), NEW_KEY)


def with_eves_key(scene: Scene) -> Spoof:
    """Sign as alice with the key that bob knows as eve's."""
    return Spoof(scene.write(scene.fields(), EVE), FORGED)


_CHANGES: tuple[Callable[[Fields], Fields], ...] = (
    lambda fields: {"body": f"{fields['body']}!"},
    lambda fields: {"body": ""},
    lambda fields: {"re": "20261129T020000000000Z-00000000"},
    lambda fields: {"thread": "20261129T020000000000Z-00000000"},
    lambda fields: {"to": ["bob", "carol"]},
    lambda fields: {"expires": "2027-01-01T00:00:00Z"},
    lambda fields: {"urgent": True},
    lambda fields: {"priority": 9},
    lambda fields: {"hops": 3},
    lambda fields: {"author": "carol"},
    lambda fields: {"room": "tea"},
    lambda fields: {"retry_of": "20261129T020000000000Z-00000000"},
    lambda fields: {"protocol": {"kind": "STATUS_UPDATE", "status": "idle"}},
    lambda fields: {"attachments": [{"name": "run.sh", "size": 4, "sha256": "0" * 64}]},
    lambda fields: {"unknown": "field"},
)


def changed(scene: Scene) -> Spoof:
    """Change one field of a genuine message, and name the file anew."""
    data = scene.of_alice()
    fields = json.loads(data)
    fields |= scene.chance.choice(_CHANGES)(fields)
    lines = (f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items())
    return Spoof(scene.put_as(("{\n" + ",\n".join(lines) + "\n}\n").encode(), "alice"), FORGED)


def renamed_sender(scene: Scene) -> Spoof:
    """Let a genuine message of alice's be carol's."""
    data = scene.of_alice().replace(b'"from": "alice"', b'"from": "carol"', 1)
    return Spoof(scene.put_as(data, "carol"), FORGED)


def later_time(scene: Scene) -> Spoof:
    """Let a genuine message be sent again, at another time."""
    data = scene.of_alice()
    stamp = clock.stamp(scene.later())
    old = str(json.loads(data)["sent"])
    changed = data.replace(old.encode(), clock.spell(stamp).encode())
    return Spoof(scene.put_as(changed, "alice", stamp=stamp), FORGED)


def other_type(scene: Scene) -> Spoof:
    """Let a task be a reply."""
    data = scene.of_alice().replace(b'"type": "task"', b'"type": "reply"', 1)
    return Spoof(scene.put_as(data, "alice", "reply"), FORGED)


_RESPELT: tuple[tuple[bytes, bytes], ...] = (
    (b'{\n  "signature": "', b'{\n    "signature": "'),
    (b'{\n  "signature": "', b'{\n  "signature" : "'),
    (b'  "signature": "U', b'  "signature": "\\u0055'),
    (b'  "signature"', b'  "\\u0073ignature"'),
    (b'",\n  "format"', b'",\n\n  "format"'),
    (b'",\n  "format"', b'", \n  "format"'),
    (b'",\n  "format"', b'=",\n  "format"'),
)


def respelt(scene: Scene) -> Spoof:
    """Write the same signature in another way: the message would have a second id."""
    return Spoof(scene.put_as(scene.of_alice().replace(*scene.chance.choice(_RESPELT), 1), "alice"), FORGED)


def moved_line(scene: Scene) -> Spoof:
    """Put the signature's line somewhere else."""
    first, signature, *rest = scene.of_alice().split(b"\n")
    at = scene.chance.randrange(1, len(rest) - 3)
    return Spoof(scene.put_as(b"\n".join([first, *rest[:at], signature, *rest[at:]]), "alice"), FORGED)


def respelt_blob(scene: Scene) -> Spoof:
    """Change a byte of the signature itself: its version, namespace, algorithm, key or value."""
    data = scene.of_alice()
    blob = bytearray(line.split(data)[0].blob)
    blob[scene.chance.randrange(len(blob))] ^= 1 << scene.chance.randrange(8)
    old = data.split(b"\n")[1]
    new = b'  "signature": "' + base64(bytes(blob)).encode() + b'",'
    return Spoof(scene.put_as(data.replace(old, new), "alice"), FORGED)


def of_another_hub(scene: Scene) -> Spoof:
    """Bring alice's genuine mail from another hub, where both have the same names, and she the same key."""
    data = scene.chance.choice(scene.from_other_hub)
    return Spoof(scene.put_as(data, "alice"), FORGED)


def of_another_recipient(scene: Scene) -> Spoof:
    """Bring alice's genuine mail to carol into bob's mailbox: it is not addressed to him."""
    data = scene.chance.choice(scene.to_carol)
    return Spoof(scene.put_as(data, "alice"), None)


def readdressed(scene: Scene) -> Spoof:
    """Bring alice's genuine mail to carol, addressed to bob."""
    data = scene.chance.choice(scene.to_carol).replace(b'"to": ["carol"]', b'"to": ["bob"]')
    return Spoof(scene.put_as(data, "alice"), FORGED)


def for_another_purpose(scene: Scene) -> Spoof:
    """Bring a text that alice has signed with this key, but for git, or as a key's successor."""
    purposes = ("git", "file", f"xw-key@1:{scene.hub_id}", f"xw@2:{scene.hub_id}")
    key, purpose = scene.alices_key, scene.chance.choice(purposes)
    name, data = encode(scene.fields(), scene.later())
    made = base64(sshsig.sign(key, purpose, data).blob)
    whole = data.replace(b"{\n", b'{\n  "signature": "' + made.encode() + b'",\n', 1)
    return Spoof(scene.put_as(whole, "alice", stamp=layout.time_of(name)), FORGED)


def as_postmaster(scene: Scene) -> Spoof:
    """Tell bob, as postmaster, that his mail came back."""
    fields = scene.fields(layout.POSTMASTER, type="info")
    if scene.chance.random() < 0.5:
        return Spoof(scene.write(fields), "unsigned")
    return Spoof(scene.write(fields, EVE), FORGED)


def as_bob_himself(scene: Scene) -> Spoof:
    """Send bob mail from bob."""
    key = scene.chance.choice((None, EVE))
    return Spoof(scene.write(scene.fields("bob"), key), FORGED if key else "unsigned, though bob signs")


def with_a_lookalike(scene: Scene) -> Spoof:
    """Use a name that looks like alice's: letters of other alphabets, invisible ones, capitals."""
    name = scene.chance.choice(("аlice", "alıce", "alice\u200b", "ａlice", "Alice", "alicе", "alice\u202e"))
    stamp = clock.stamp(scene.later())
    fields = {"format": 1, "sent": clock.spell(stamp), **scene.fields(name)}
    raw = json.dumps(fields, ensure_ascii=False).encode()
    return Spoof(scene.put(f"{stamp}-{layout.digest(raw)}.task.{name}.json", raw), None)


def from_an_unknown_name(scene: Scene) -> Spoof:
    """Use a name that nobody has, close to alice's; signed with a key that nobody has published."""
    name = scene.chance.choice(("a1ice", "alice-", "alice2", "a-lice", "aiice"))
    key = scene.chance.choice((None, generate(name)))
    return Spoof(scene.write(scene.fields(name), key), NEW_KEY if key else "unsigned")


def as_a_room(scene: Scene) -> Spoof:
    """Claim, as eve, that a room relays alice's words; or as the room, without its key."""
    fields = scene.fields(scene.chance.choice(("tea", "alice")), room="tea", author="alice", rooms=["tea"])
    key = scene.chance.choice((None, EVE))
    if key:
        return Spoof(scene.write(fields, key), FORGED)
    return Spoof(scene.write(fields), f"unsigned, though {fields['from']} signs")


def as_a_repetition(scene: Scene) -> Spoof:
    """Claim that bob's own xw has sent a dead letter again."""
    fields = scene.fields(retry_of=id_of(scene.of_alice()))
    key = scene.chance.choice((None, EVE, generate("bob@xw")))
    return Spoof(scene.write(fields, key), {None: DOWNGRADE, EVE: FORGED}.get(key, NEW_KEY))


def id_of(data: bytes) -> str:
    """Return the id of a message."""
    stamp = clock.stamp(clock.from_rfc3339(str(json.loads(data)["sent"])))
    return f"{stamp}-{layout.digest(data)}"


WAYS: tuple[Callable[[Scene], Spoof], ...] = (
    unsigned, stripped, with_a_fresh_key, with_eves_key, changed, renamed_sender, later_time,
    other_type, respelt, moved_line, respelt_blob, of_another_hub, of_another_recipient,
    readdressed, for_another_purpose, as_postmaster, as_bob_himself, with_a_lookalike,
    from_an_unknown_name, as_a_room, as_a_repetition,
)  # fmt: skip
