"""Files over SFTP: the same order, with each answer looked at before what rests on it."""

from tests.mutations import Mutation

MUTATIONS: tuple[Mutation, ...] = ()
