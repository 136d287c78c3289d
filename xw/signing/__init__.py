"""Who wrote a message: Ed25519 keys in OpenSSH's formats, and SSHSIG signatures in the message's file.

    wire     strings and numbers as SSH encodes them
    ed25519  the arithmetic, of the library `cryptography`
    keys     public and private keys, and their files
    sshsig   a signature of some bytes, as `ssh-keygen -Y sign` makes it
    line     the line of a message's file that has its signature

Nothing here reads a file or trusts a key: `keyring` finds keys, `trust` says whose they are.
"""
