"""Names of Unix groups, their members, and users."""

import os


def group_of(folder: str) -> str:
    """Return the name of a folder's Unix group, or its number if it has no name."""
    return group_name(os.lstat(folder).st_gid)


def members(folder: str) -> str:
    """Return the names of the members of a folder's Unix group, as far as the system lists them."""
    import grp
    import pwd

    number = os.lstat(folder).st_gid
    try:
        listed = set(grp.getgrgid(number).gr_mem)
    except KeyError:
        listed = set()
    listed |= {user.pw_name for user in pwd.getpwall() if user.pw_gid == number}
    return ", ".join(sorted(listed))


def group_name(number: int) -> str:
    """Return the name of a Unix group, or its number if it has no name."""
    import grp

    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def user_name(number: int) -> str:
    """Return the name of a Unix user, or its number if it has no name."""
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
