"""The MCP server: an instance's mail as tools and resources of the Model Context Protocol (extra `xw[mcp]`).

    stdio, http     the two transports, each with its way to end
    server          the SDK's server: which request calls which function, and who is notified
    arrivals        a thread that waits for mail
    tools           the tools, as data, and the call of the Agent behind each
    shown           what a tool returns: structure and text, bounded, with other agents' words marked
    shared_agent    the Agent of this process, opened when it is first needed

A face: it calls the Agent and holds no logic. The only package that imports the SDK.
"""
