// A server of the official SDK's first line, over HTTP, which answers nothing outside a session.
const { createServer } = require('node:http');
const { randomUUID } = require('node:crypto');
const { McpServer } = require('@modelcontextprotocol/sdk/server/mcp.js');
const { StreamableHTTPServerTransport } = require('@modelcontextprotocol/sdk/server/streamableHttp.js');

async function main() {
  const mcp = new McpServer({ name: 'older', version: '1.0.0' });
  mcp.registerTool('greet', { description: 'Greets.' }, async () => ({ content: [{ type: 'text', text: 'hello' }] }));
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => randomUUID() });
  await mcp.connect(transport);
  const http = createServer((request, response) => transport.handleRequest(request, response));
  http.listen(0, '127.0.0.1', () => console.log(http.address().port));
}

main();
