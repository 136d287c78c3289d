"""Other instances' keys, as far as this machine knows them, and a sender's status by them.

    published  the keys that an instance shows on its hub
    pins       the keys that were seen here, by name; each may be confirmed
    allowed    the team's file `allowed_signers`, which people keep in git
    former     the ids that the hub had before
    swept      the messages that gc has removed
    verified   the messages whose signature was checked before
    senders    the status of a message's sender, from all of these

Keys lie in `keyring`'s folders, one for each hub. Nothing here asks the hub.
"""
