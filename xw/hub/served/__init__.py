"""A served hub: `xw hub serve --as NAME DIRECTORY` gives an SSH key one mailbox, and nothing else.

    frames    frames of bytes, and their bounds       used by both sides
    protocol  calls, values and errors on the wire    used by both sides
    client    `ServedHub`, a `contract.Hub`
    server    the loop that sshd's forced command runs: greets, reads, answers
    calls     what each call does, over the hub's directory
    guard     what a member may ask for: pure checks
    limits    rates and quotas, kept across connections
    slots     how many connections a member has
    uploads   attachments that come in, also after a cut
    audit     a line for each delivery

Decision 66 has the reasons, docs/format.md the files in `<hub>/.served/`.
"""
