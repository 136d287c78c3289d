"""All mutations, from the lists of each part."""

from tests.mutations import bridges, local, mirror, rooms, sftp

ALL = (*local.MUTATIONS, *sftp.MUTATIONS, *mirror.MUTATIONS, *bridges.MUTATIONS, *rooms.MUTATIONS)
