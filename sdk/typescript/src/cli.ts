#!/usr/bin/env node
import { parseArgs } from "node:util";

import { ddl, RECEIPTS, type EngineName } from "./ddl.js";

const usage = "usage: synapsor-handler ddl postgres|mysql|sqlite [--schema NAME] [--table NAME]\n";
try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { schema: { type: "string" }, table: { type: "string", default: RECEIPTS } },
  });
  const [command, engine] = positionals;
  if (command !== "ddl" || !["postgres", "mysql", "sqlite"].includes(engine ?? "") || positionals.length !== 2) {
    throw new TypeError("");
  }
  process.stdout.write(ddl(engine as EngineName, values.schema, values.table));
} catch {
  process.stderr.write(usage);
  process.exitCode = 2;
}
