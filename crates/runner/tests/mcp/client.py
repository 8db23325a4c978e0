"""Talks to the server with the official client, once in each era; prints what came back as JSON."""

import asyncio
import json
import os

from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client


async def talk(mode):
    server = StdioServerParameters(
        command=os.environ["SYNAPSOR_RUNNER"], args=["mcp", "serve"], env=dict(os.environ), cwd=os.getcwd()
    )
    async with Client(stdio_client(server), mode=mode) as client:
        said = {"revision": client.protocol_version, "server": client.server_info.name}
        said["tools"] = [tool.name for tool in (await client.list_tools()).tools]
        read = await client.call_tool("billing.inspect_invoice", {"invoice_id": "INV-1"})
        said["read"] = read.structured_content["data"]
        foreign = await client.call_tool("billing.inspect_invoice", {"invoice_id": "INV-9"})
        said["foreign"] = [foreign.is_error, foreign.structured_content["error"]["code"]]
        proposed = await client.call_tool("billing.propose_late_fee", {"invoice_id": "INV-1", "late_fee_cents": 0})
        said["proposed"] = proposed.structured_content["proposal"]["state"]
        uri = "synapsor://proposals/" + proposed.structured_content["proposal"]["id"]
        said["listed"] = uri in [str(resource.uri) for resource in (await client.list_resources()).resources]
        record = json.loads((await client.read_resource(uri)).contents[0].text)
        said["record"] = record["proposal"]["state"]
        try:
            await client.read_resource("synapsor://proposals/wrp_00000000000000000000")
        except MCPError as error:
            said["missing"] = error.error.data
        said["prompt"] = [prompt.name for prompt in (await client.list_prompts()).prompts]
        return said


print(json.dumps([asyncio.run(talk(mode)) for mode in ("auto", "legacy")]))
