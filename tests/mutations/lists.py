"""All mutations, from the lists of each part."""

from tests.mutations import bridges, local, mirror, rooms, sftp, terminal

ALL = (
    *local.MUTATIONS,
    *sftp.MUTATIONS,
    *mirror.MUTATIONS,
    *bridges.MUTATIONS,
    *rooms.MUTATIONS,
    *terminal.MUTATIONS,
)
