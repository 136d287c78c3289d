"""URLs of hubs by SSH."""

import pytest

from xw.config import is_remote
from xw.errors import Usage
from xw.files.ssh.target import Target, parse

GOOD = {
    "ssh://alice@hub:2222/srv/xw": Target("hub", "alice", 2222, "/srv/xw"),
    "ssh://hub/srv/xw/": Target("hub", None, None, "/srv/xw"),
    "ssh://hub/~/xw": Target("hub", None, None, "xw"),
    "ssh://hub/~": Target("hub", None, None, ""),
    "ssh://hub/": Target("hub", None, None, "/"),
    "ssh://hub/with%20space": Target("hub", None, None, "/with space"),
    "alice@hub:xw": Target("hub", "alice", None, "xw"),
    "alice@hub:/srv//./xw": Target("hub", "alice", None, "/srv/xw"),
    "alice@hub:~/xw": Target("hub", "alice", None, "xw"),
    "hub:xw": Target("hub", None, None, "xw"),
    "alice@example.com@hub:xw": Target("hub", "alice@example.com", None, "xw"),
    "ssh://[::1]:2222/xw": Target("::1", None, 2222, "/xw"),
    "alice@[fe80::1%eth0]:xw": Target("fe80::1%eth0", "alice", None, "xw"),
}
BAD = {
    "ssh://hub": "the path is missing",
    "alice@hub:": "the path is missing",
    "ssh://hub:/xw": "the port is missing",
    "ssh://hub:0/xw": "'0' is not a port",
    "ssh://hub:65536/xw": "'65536' is not a port",
    "ssh://hub:٣/xw": "'٣' is not a port",
    "ssh://-oProxyCommand=x/xw": "is not a host name",
    "ssh://a b/xw": "is not a host name",
    "ssh:///xw": "is not a host name",
    "ssh://-l@hub/xw": "is not a user name",
    "ssh://@hub/xw": "is not a user name",
    "ssh://alice:secret@hub/xw": "a password does not belong there",
    "alice@hub:~bob/xw": "only `~/` is supported",
    "ssh://hub/srv/../etc": "the path contains `..`",
    "root@hub:2222:/srv/xw": "a port does not go there; write ssh://root@hub:2222/srv/xw",
    "hub:2222:xw": "write ssh://hub:2222/~/xw",
    "[::1]:2222:/xw": r"write ssh://\[::1\]:2222/xw",
    "ssh://hub/a%0Ab": "control character",
}


@pytest.mark.parametrize("url", GOOD)
def test_a_url_has_its_parts(url: str) -> None:
    """Each form is understood, and what is printed of it means the same."""
    assert is_remote(url)
    assert parse(url) == GOOD[url]
    assert parse(str(GOOD[url])) == GOOD[url]


@pytest.mark.parametrize("url", BAD)
def test_a_wrong_url_says_why(url: str) -> None:
    """An invalid URL is a usage error with its reason, and no password is repeated."""
    with pytest.raises(Usage, match=BAD[url]) as caught:
        parse(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("path", ["/srv/a:b", "./a:b", "dir/a:b", "file:///a", "nats://hub:1/x", "team"])
def test_other_hubs_are_not_ssh(path: str) -> None:
    """A directory may have a colon in its name, after a slash."""
    assert not is_remote(path)
