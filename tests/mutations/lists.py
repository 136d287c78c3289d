"""All mutations, from the lists of each part."""

from tests.mutations import (
    bridges,
    claims,
    confined,
    delivery,
    hooks,
    local,
    mcp,
    mirror,
    moving,
    native,
    owners,
    places,
    recalling,
    rooms,
    sftp,
    terminal,
)

ALL = (
    *local.MUTATIONS,
    *sftp.MUTATIONS,
    *mirror.MUTATIONS,
    *moving.MUTATIONS,
    *native.MUTATIONS,
    *owners.MUTATIONS,
    *places.MUTATIONS,
    *bridges.MUTATIONS,
    *claims.MUTATIONS,
    *confined.MUTATIONS,
    *delivery.MUTATIONS,
    *hooks.MUTATIONS,
    *recalling.MUTATIONS,
    *rooms.MUTATIONS,
    *terminal.MUTATIONS,
    *mcp.MUTATIONS,
)
