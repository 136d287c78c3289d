"""What the commands are for, as data: those of `xw --help`, and all in the sections of `xw help --all`."""

EVERYDAY = "launch init peers check read reply done send ask log who doctor help"
"""What `xw --help` lists: the commands with which most people and agents get through the day."""

SECTIONS = {
    "Start": "launch init install prompt who peers help",
    "Mail": "check read reply done send ask attach wait watch log trace",
    "Work": "claim release fail recall",
    "Your state": "notify hold resume",
    "Groups and rooms": "join leave room",
    "Keys": "keys trust",
    "Agent programs": "bridge up hook mcp",
    "Upkeep": "sync doctor gc retry resend unregister hub schema",
}
"""Every command and group, by what it is for, as `xw help --all` lists them."""
