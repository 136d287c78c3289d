"""Strings and numbers as the SSH protocol encodes them: RFC 4251, section 5."""

_MOST = 64 * 1024  # bytes of a string; nothing that xw reads has a longer one


def string(data: bytes) -> bytes:
    """Return bytes as a string: their length in four bytes, then themselves."""
    return len(data).to_bytes(4, "big") + data


class Reader:
    """Reads SSH strings and numbers one after another. Raise ValueError if the bytes end too soon."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        end = self._at + count
        if count < 0 or end > len(self._data):
            raise ValueError("it ends too soon")
        piece = self._data[self._at : end]
        self._at = end
        return piece

    def number(self) -> int:
        """Return the next four bytes as a number."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """Return the next string."""
        length = self.number()
        if length > _MOST:
            raise ValueError("a string in it is too long")
        return self.take(length)

    def rest(self) -> bytes:
        """Return all bytes that are left."""
        return self.take(len(self._data) - self._at)
