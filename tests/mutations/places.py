"""The places of mail and configuration, and attempts to block them."""

from tests.mutations import Mutation

_OWNERS = "tests/guarantees/test_owners.py"
_SECOND = "tests/guarantees/test_second_user.py"
_POISON = "tests/guarantees/test_poison.py"

MUTATIONS = (
    Mutation(
        "of two that register a name first, one wins",
        "xw/hub/directory.py",
        "            self._publish_first(card_bytes(made), scratch, path)",
        "            self.files.replace(card_bytes(made), scratch, path)",
        ("tests/hub/test_contract.py::test_register_first",),
    ),
    Mutation(
        "a mailbox that a sandbox closes is found out",
        "xw/files/access.py",
        "    if not os.access(pending, os.W_OK | os.X_OK):\n        return os.path.isdir(pending)\n",
        "    return False\n",
        ("tests/places/test_sandbox.py",),
    ),
    Mutation(
        "only one's own files of a repository are followed",
        "xw/places.py",
        "    for owner in owners - {os.geteuid()}:",
        "    for owner in ():",
        ("tests/places/test_worktrees.py",),
    ),
    Mutation(
        "a hub that a worktree names lies beside the main one",
        "xw/places.py",
        '        return self.home if inner == "." or inner.startswith("..") else os.path.join(self.home, inner)',
        "        return folder",
        ("tests/places/test_worktrees.py",),
    ),
    Mutation(
        "two that add to git's exclude file take turns",
        "xw/actions/git_exclude.py",
        "        fcntl.flock(handle, fcntl.LOCK_EX)",
        "        pass",
        ("tests/places/test_git.py::test_the_exclude_file_is_read_under_its_lock",),
    ),
    Mutation(
        "root adds no line to another user's file that is linked as git's exclude file",
        "xw/actions/git_exclude.py",
        "    planted = is_root() and is_planted(handle, owner)",
        "    planted = False",
        (f"{_OWNERS}::test_what_is_planted_for_exclude",),
    ),
    Mutation(
        "root writes no note into another user's file that is linked as a lock",
        "xw/files/local.py",
        "                    planted = self._is_planted(walk, handle, path)",
        "                    planted = False",
        (f"{_OWNERS}::test_a_hard_link_in_place_of_a_lock",),
    ),
    Mutation(
        "root copies no file through a hard link",
        "xw/files/local.py",
        "            planted = self._is_planted(walk, handle, path)\n        try:",
        "            planted = False\n        try:",
        (f"{_OWNERS}::test_root_reads_no_file_through_a_hard_link",),
    ),
    Mutation(
        "root follows no link of a user's to a hub",
        "xw/files/own_folder.py",
        "            _check_maker(path)\n        path = os.path.dirname(path)",
        "            pass\n        path = os.path.dirname(path)",
        (f"{_OWNERS}::test_a_link_on_the_way_to_a_hub",),
    ),
    Mutation(
        "a closed mailbox is not an unknown one",
        "xw/hub/giving.py",
        "held.get(parcel.to) or _hidden(found) or",
        "held.get(parcel.to) or",
        (f"{_SECOND}::test_a_closed_mailbox",),
    ),
    Mutation(
        "a closed mailbox is a peer's",
        "xw/hub/directory.py",
        "            return True  # closed to this user",
        "            raise look  # closed to this user",
        (_SECOND,),
    ),
    Mutation(
        "what the files of one message bring out again and again fails it",
        "xw/faults.py",
        "        return self._count >= TRIES",
        "        return False",
        (_POISON, f"{_SECOND}::test_a_message_that_is_closed_in_its_turn"),
    ),
    Mutation(
        "a turn's letter is a message's name",
        "xw/bridges/turn.py",
        "(not ending.letter or layout.is_message(ending.letter))",
        "True",
        (f"{_POISON}::test_a_turn_that_cannot_be_carried_out",),
    ),
    Mutation(
        "a file that changes after it was looked at is not sent again",
        "xw/attachments.py",
        "            if file.sha256 != wanted:",
        "            if False:",
        ("tests/guarantees/test_attachments.py::test_a_file_that_changes_after_the_look",),
    ),
)
