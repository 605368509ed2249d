// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { isRecord } from "./is_record.ts";

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Everything that running `file` loads: what is imported for its types alone is left out. */
async function loadedBy(file: string): Promise<Set<string>> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL(file, import.meta.url).pathname],
    stderr: "inherit",
  }).output();
  const graph: unknown = JSON.parse(new TextDecoder().decode(stdout));
  assert(isRecord(graph));
  const edges = new Map<unknown, unknown[]>();
  for (const module of list(graph.modules).filter(isRecord)) {
    const code = list(module.dependencies).filter(isRecord).map((d) => d.code).filter(isRecord);
    edges.set(module.specifier, code.map((target) => target.specifier));
  }
  const loaded = new Set<string>();
  const queue = list(graph.roots);
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (typeof next !== "string" || loaded.has(next)) continue;
    loaded.add(next);
    queue.push(...edges.get(next) ?? []);
  }
  return loaded;
}

for (const file of ["peer/peer.ts", "transport/server.ts", "transport/dial.ts"]) {
  Deno.test(`imports: ${file} loads json-rpc-2.0 and no other package, as a shim has to stay small`, async () => {
    const loaded = [...await loadedBy(file)];
    assert(loaded.some((specifier) => specifier.endsWith("/line_reader.ts")), loaded.join("\n"));
    const packages = loaded.filter((specifier) => !specifier.startsWith("file:"));
    assert.equal(packages.length, 1, packages.join());
    assert.match(packages[0]!, /json-rpc-2\.0/);
  });
}
