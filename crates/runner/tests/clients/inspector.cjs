// Asks the server through the Inspector's command line; prints what it was told as one line of JSON.
//
// Arguments as of client.cjs, the first being `inspector`. Every question starts the Inspector anew.

const { spawnSync } = require("node:child_process");
const { dirname, join } = require("node:path");

const [, era, where, calls] = process.argv.slice(2);
const PACKAGE = dirname(require.resolve("@modelcontextprotocol/inspector/package.json"));
const INSPECTOR = join(PACKAGE, "clients/launcher/build/index.js");
/** What the Inspector ends with if a tool's result is an error. */
const TOOL_ERROR = 5;

function ask(method, options) {
  const { SYNAPSOR_RUNNER, SYNAPSOR_RUNNER_HTTP_TOKEN } = process.env;
  const args = ["--cli", "--format", "json", "--method", method, ...options];
  if (era !== "default") args.push("--protocol-era", era);
  if (where === "stdio") {
    // The server sees only what is named here.
    args.push(...Object.entries(process.env).flatMap((pair) => ["-e", pair.join("=")]));
    args.push(SYNAPSOR_RUNNER, "mcp", "serve");
  } else {
    args.push("--transport", "http", "--server-url", where);
    args.push("--header", `Authorization: Bearer ${SYNAPSOR_RUNNER_HTTP_TOKEN}`);
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [INSPECTOR, ...args], { encoding: "utf8" });
  const result = stdout && JSON.parse(stdout).result;
  if (!result || status !== (result.isError ? TOOL_ERROR : 0)) {
    throw new Error(`${method} ended with ${status}\n${stdout}\n${stderr}`);
  }
  return result;
}

const { protocolVersion, serverInfo } = ask("initialize", []);
const said = { revision: protocolVersion, server: serverInfo.name };
// Schemas that providers cannot take make a strict listing fail.
said.tools = ask("tools/list", ["--strict"]).tools.map((tool) => tool.name);
for (const [call, [tool, args]] of Object.entries(JSON.parse(calls))) {
  said[call] = ask("tools/call", ["--tool-name", tool, "--tool-args-json", JSON.stringify(args)]);
}
console.log(JSON.stringify(said));
