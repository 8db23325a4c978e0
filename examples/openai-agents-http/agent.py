"""An agent of the OpenAI Agents SDK that looks at an invoice and proposes to waive its late fee.

It connects to a server over HTTP, with the token in `SYNAPSOR_RUNNER_HTTP_TOKEN`. Without `OPENAI_API_KEY` it does by hand
what the agent would do.
"""

import asyncio
import os
import sys

from agents import Agent, Runner
from agents.mcp import MCPServerStreamableHttp

URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8766/mcp"
TASK = "The customer of invoice INV-3001 asks for their late fee to be waived. It is their first. See to it."


async def main():
    headers = {"Authorization": "Bearer " + os.environ["SYNAPSOR_RUNNER_HTTP_TOKEN"]}
    params = {"url": URL, "headers": headers, "timeout": 60}
    async with MCPServerStreamableHttp(name="synapsor", params=params, client_session_timeout_seconds=60) as server:
        tools = [tool.name for tool in await server.list_tools()]
        print("tools:", ", ".join(tools))
        if "OPENAI_API_KEY" in os.environ:
            instructions = "Look a row up before proposing a change to it. Say what was proposed, never that it was made."
            agent = Agent(name="Support", instructions=instructions, mcp_servers=[server])
            print((await Runner.run(agent, TASK)).final_output)
            return
        seen = await server.call_tool("billing__inspect_invoice", {"invoice_id": "INV-3001"})
        print("seen:", seen.structured_content["summary"])
        change = {"invoice_id": "INV-3001", "reason": "First late payment"}
        proposed = await server.call_tool("billing__propose_late_fee_waiver", change)
        print("proposed:", proposed.structured_content["summary"])


asyncio.run(main())
