"""A served hub: `xw hub serve --as NAME DIRECTORY` gives an SSH key one mailbox, and nothing else.

Both sides:
    frames      frames of bytes, and their bounds
    protocol    calls, values and errors on the wire
The client:
    client      `ServedHub`, a `contract.Hub`
    giving      its half that sends mail
    asking      one call, and the frames that answer it
The server:
    server      the loop that sshd's forced command runs: greets, reads, answers
    calls       what each call does, over the hub's directory
    delivering  the call that takes a member's mail
    guard       what a member may ask for: pure checks
    limits      rates and quotas, kept across connections
    slots       how many connections a member has
    uploads     attachments that come in, also after a cut
    audit       a line for each delivery
Who may come in:
    entries     the lines of `authorized_keys`
    authorized  the file of them, and its changes
    invitation  the word that invites a new machine
    joining     its exchange for the machine's own key, there
    accepting   the same on the hub's host

Decision 66 has the reasons, docs/format.md the files in `<hub>/.served/`.
"""
