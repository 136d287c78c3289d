"""All mutations, from the lists of each part."""

from tests.mutations import bridges, local, mirror, owners, places, rooms, sftp, terminal

ALL = (
    *local.MUTATIONS,
    *sftp.MUTATIONS,
    *mirror.MUTATIONS,
    *owners.MUTATIONS,
    *places.MUTATIONS,
    *bridges.MUTATIONS,
    *rooms.MUTATIONS,
    *terminal.MUTATIONS,
)
