"""An agent with the official MCP client: looks, is refused a foreign row, proposes twice. Prints one JSON object."""

import asyncio
import json
import os
import sys

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client


async def story(mode):
    server = StdioServerParameters(
        command=os.environ["SYNAPSOR_RUNNER"], args=["mcp", "serve"], env=dict(os.environ), cwd=os.getcwd()
    )
    async with Client(stdio_client(server), mode=mode) as client:
        tools = (await client.list_tools()).tools
        call = client.call_tool
        inspected = await call("billing.inspect_invoice", {"invoice_id": "INV-3001"})
        foreign = await call("billing.inspect_invoice", {"invoice_id": "INV-9001"})
        missing = await call("billing.inspect_invoice", {"invoice_id": "INV-0000"})
        waiver = {"invoice_id": "INV-3001", "reason": "First late payment"}
        proposed = await call("billing.propose_late_fee_waiver", waiver)
        again = await call("billing.propose_late_fee_waiver", waiver)
        smuggled = await call("billing.inspect_invoice", {"invoice_id": "INV-9001", "tenant_id": "globex"})
        unknown = await call("execute_sql", {"sql": "SELECT 1"})
        answers = {
            "inspected": inspected, "foreign": foreign, "missing": missing, "proposed": proposed, "again": again,
            "smuggled": smuggled, "unknown": unknown,
        }
        print(json.dumps({
            "tools": [tool.name for tool in tools],
            **{name: {"error": bool(answer.is_error), **answer.structured_content} for name, answer in answers.items()},
        }))


asyncio.run(story(sys.argv[1]))
