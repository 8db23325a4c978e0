// Talks to the server as a TypeScript client does; prints what it was told as one line of JSON.
//
// Arguments: `sdk` or `client`, the era, `stdio` or the server's URL, and the calls to make as JSON: name → [tool, arguments].

const OLD = {
  ...require("@modelcontextprotocol/sdk/client/index.js"),
  ...require("@modelcontextprotocol/sdk/client/stdio.js"),
  ...require("@modelcontextprotocol/sdk/client/streamableHttp.js"),
};
const NEW = { ...require("@modelcontextprotocol/client"), ...require("@modelcontextprotocol/client/stdio") };

async function main(name, era, where, calls) {
  const { Client, StdioClientTransport, StreamableHTTPClientTransport } = { sdk: OLD, client: NEW }[name];
  const options = era === "default" ? {} : { versionNegotiation: { mode: era } };
  const client = new Client({ name, version: "1" }, options);
  const { SYNAPSOR_RUNNER, SYNAPSOR_RUNNER_HTTP_TOKEN } = process.env;
  const headers = { Authorization: `Bearer ${SYNAPSOR_RUNNER_HTTP_TOKEN}` };
  const server = { command: SYNAPSOR_RUNNER, args: ["mcp", "serve"], env: process.env };
  const transport =
    where === "stdio"
      ? new StdioClientTransport(server)
      : new StreamableHTTPClientTransport(new URL(where), { requestInit: { headers } });

  // The older client tells the revision to its transport only.
  let revision;
  const tell = transport.setProtocolVersion?.bind(transport);
  transport.setProtocolVersion = (version) => {
    revision = version;
    tell?.(version);
  };
  await client.connect(transport);
  revision = client.getNegotiatedProtocolVersion?.() ?? revision;
  const said = { revision, server: client.getServerVersion().name };
  said.tools = (await client.listTools()).tools.map((tool) => tool.name);
  for (const [call, [tool, args]] of Object.entries(calls)) {
    said[call] = await client.callTool({ name: tool, arguments: args });
  }
  await client.close();
  console.log(JSON.stringify(said));
}

const [name, era, where, calls] = process.argv.slice(2);
main(name, era, where, JSON.parse(calls)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
