"""Talks to the server as a Python client does; prints what it was told as one line of JSON.

Arguments: `mcp` or `agents`, the era, `stdio` or the server's URL, and the calls to make as JSON: name → [tool, arguments].
"""

import asyncio
import json
import os
import sys

RUNNER = {"command": os.environ["SYNAPSOR_RUNNER"], "args": ["mcp", "serve"], "env": dict(os.environ), "cwd": os.getcwd()}
HEADERS = {"Authorization": "Bearer " + os.environ["SYNAPSOR_RUNNER_HTTP_TOKEN"]}
# A busy machine may take its time; nothing is measured here.
PATIENCE = 60


async def official(era, where, calls):
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client
    from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

    if where == "stdio":
        transport = stdio_client(StdioServerParameters(**RUNNER))
    else:
        transport = streamable_http_client(where, http_client=create_mcp_http_client(headers=HEADERS))
    async with Client(transport, mode=era, read_timeout_seconds=PATIENCE) as client:
        tools = (await client.list_tools()).tools
        return await said(client, tools, client.call_tool, calls)


async def agents(era, where, calls):
    from agents.mcp import MCPServerStdio, MCPServerStreamableHttp

    assert era == "default", "the SDK has no other"
    if where == "stdio":
        server = MCPServerStdio(params=RUNNER, client_session_timeout_seconds=PATIENCE)
    else:
        params = {"url": where, "headers": HEADERS, "timeout": PATIENCE}
        server = MCPServerStreamableHttp(params=params, client_session_timeout_seconds=PATIENCE)
    async with server:
        return await said(server.session, await server.list_tools(), server.call_tool, calls)


async def said(session, tools, call, calls):
    said = {"revision": session.protocol_version, "server": session.server_info.name}
    said["tools"] = [tool.name for tool in tools]
    for name, (tool, arguments) in calls.items():
        result = await call(tool, arguments)
        said[name] = result.model_dump(mode="json", by_alias=True, exclude_none=True)
    return said


client, era, where, calls = sys.argv[1:]
print(json.dumps(asyncio.run({"mcp": official, "agents": agents}[client](era, where, json.loads(calls)))))
