"""File names, ids and names: what is one, and what they say."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xw import layout
from xw.errors import Usage
from xw.words import Type

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_STAMPS = st.builds("{:08d}T{:012d}Z".format, st.integers(0, 10**8 - 1), st.integers(0, 10**12 - 1))
_SHORTS = st.text(_CROCKFORD, min_size=8, max_size=8)
_NAMES = st.text("abcxyz0189-", min_size=1, max_size=32).filter(lambda name: name[0] != "-")
_TYPES = st.sampled_from(layout.TYPES)


@given(_STAMPS, _SHORTS, _TYPES, _NAMES)
def test_file_names_round_trip(stamp: str, short: str, kind: Type, sender: str) -> None:
    """A file name is taken apart into what it was made of, and says time and short id."""
    made = layout.FileName(f"{stamp}-{short}", kind, sender)
    name = str(made)
    assert name == f"{stamp}-{short}.{kind}.{sender}.json"
    assert layout.file_name(name) == made
    assert layout.is_message(name)
    assert (layout.time_of(name), layout.short_id(name)) == (stamp, short)
    assert (layout.time_of(made.id), layout.short_id(made.id)) == (stamp, short)
    assert layout.is_id(made.id)


@given(_STAMPS, _SHORTS, _TYPES, _NAMES, st.integers(0, 80), st.characters())
def test_any_other_name_is_none(
    stamp: str, short: str, kind: str, sender: str, at: int, character: str
) -> None:
    """With one character put in, a file name is another's file name or none, never read as itself."""
    name = f"{stamp}-{short}.{kind}.{sender}.json"
    changed = name[:at] + character + name[at:]
    parts = layout.file_name(changed)
    assert parts is None or str(parts) == changed


@given(st.binary(max_size=200))
def test_short_id_of_the_bytes(data: bytes) -> None:
    """The short id is the first 40 bits of the SHA-256 in Crockford's base32."""
    number = int(sha256(data).hexdigest()[:10], 16)
    expected = ""
    for _ in range(8):
        number, digit = divmod(number, 32)
        expected = _CROCKFORD[digit] + expected
    assert layout.digest(data) == expected


def test_short_ids_that_are_known() -> None:
    """Two short ids worked out by hand, so that the digest can never change unseen."""
    assert layout.digest(b"") == "werc8gmr"
    assert layout.digest(b"xw") == "apt2g062"


@given(st.binary(min_size=1, max_size=100), st.data())
def test_a_flipped_bit_changes_the_short_id(data: bytes, chance: st.DataObject) -> None:
    """Bytes with one bit flipped have another short id."""
    at = chance.draw(st.integers(0, len(data) * 8 - 1))
    flipped = bytearray(data)
    flipped[at // 8] ^= 1 << at % 8
    assert layout.digest(bytes(flipped)) != layout.digest(data)


@given(st.lists(st.tuples(_STAMPS, _SHORTS, _TYPES, _NAMES), max_size=6))
def test_names_sort_by_time(parts: list[tuple[str, str, str, str]]) -> None:
    """Sorting file names sorts by time."""
    names = sorted(f"{stamp}-{short}.{kind}.{sender}.json" for stamp, short, kind, sender in parts)
    assert [layout.time_of(name) for name in names] == sorted(part[0] for part in parts)


@given(_NAMES)
def test_names(name: str) -> None:
    """Every name of the form is one, and only the reserved ones may not be taken."""
    assert layout.is_name(name)
    if name in layout.RESERVED:
        with pytest.raises(Usage, match="reserved"):
            layout.check_name(name)
    else:
        assert layout.check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "-a", "A", "a" * 33, "a_b", "a.b", "a b", "ä", "a\n", "١", "a/b", ".", ".."]
)
def test_names_that_are_none(name: str) -> None:
    """A text in another form is not a name."""
    assert not layout.is_name(name)
    with pytest.raises(Usage):
        layout.check_name(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [("My Project", "my-project"), ("xw", "xw"), ("..", ""), ("Über/Test_1", "ber-test-1"), ("-a-", "a"),
     ("x" * 40, "x" * 32), ("a" * 31 + "-b", "a" * 31), ("日本", "")],
)  # fmt: skip
def test_a_name_from_a_directory(text: str, name: str) -> None:
    """A directory's name becomes an instance's name by what can be kept of it."""
    assert layout.name_from(text) == name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.txt", "a.txt"), ("/tmp/dir/a.txt", "a.txt"), ("C:\\dir\\a.txt", "a.txt"), ("dir/",
        "dir"), ("", "file"),
        ("..", "file"), (".bashrc", "bashrc"), ("--flag", "flag"), ("a b;c.txt", "a_b_c.txt"),
        ("ä.pdf", "_.pdf"),
        ("x" * 200 + ".tar.gz", "x" * 80 + ".gz"), ("a." + "b" * 20, "a." + "b" * 20), ("a.", "a."),
    ],
)  # fmt: skip
def test_attachment_names(path: str, name: str) -> None:
    """An attachment's name is like its file's, harmless, and at most 100 characters long."""
    made = layout.attachment_name(path, set())
    assert made == name
    assert layout.is_attachment_name(made)
    assert len(made) <= 100


def test_attachments_of_equal_names() -> None:
    """Equal names are counted, also where they differ in case alone or the counted one is taken."""
    taken = {"b-2.txt"}
    names = ["a.txt", "A.TXT", "a.txt", "b.txt", "b.txt", "c", "c"]
    made = [layout.attachment_name(name, taken) for name in names]
    assert made == ["a.txt", "A-2.TXT", "a-3.txt", "b.txt", "b-3.txt", "c", "c-2"]
