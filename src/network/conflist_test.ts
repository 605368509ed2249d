// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import { ConflistError, parseConflist, programsOf, readConflistDir } from "./conflist.ts";

const LIST = {
  cniVersion: "1.0.0",
  name: "net",
  plugins: [{ type: "bridge", ipam: { type: "host-local" } }, { type: "portmap" }],
};

Deno.test("parseConflist: a list, or one plugin as a list of one; what does not fit is named", () => {
  assert.deepEqual(parseConflist(LIST).plugins.map(({ type }) => type), ["bridge", "portmap"]);
  const one = parseConflist({ cniVersion: "0.4.0", name: "one", type: "ptp", mtu: 1400 });
  assert.deepEqual([one.name, one.plugins[0]?.type, one.plugins[0]?.["mtu"]], ["one", "ptp", 1400]);
  const cases: readonly (readonly [unknown, RegExp])[] = [
    ["text", /no JSON object/],
    [{ ...LIST, name: "../x" }, /`name`/],
    [{ ...LIST, cniVersion: "0.2.0" }, /`cniVersion` "0\.2\.0"/],
    [{ ...LIST, plugins: [] }, /`plugins`/],
    [{ ...LIST, plugins: [{ type: "../../bin/sh" }] }, /`type` in plugins\.0/],
    [{ ...LIST, own: JSON.parse("[".repeat(20_000) + "]".repeat(20_000)) }, /100 levels/],
  ];
  for (const [value, message] of cases) {
    assert.throws(
      () => parseConflist(value),
      (error: unknown) => error instanceof ConflistError && message.test(error.message),
      String(message),
    );
  }
});

Deno.test("programsOf: every program once, those for addresses too", () => {
  assert.deepEqual(programsOf(parseConflist(LIST)), ["bridge", "host-local", "portmap"]);
});

Deno.test("readConflistDir: the first file of a name counts, and what cannot be used is told", async () => {
  assert.equal(readConflistDir("/nowhere", []).networks.size, 0);
  using temp = new TempDir();
  const dir = temp.path;
  const write = (name: string, value: unknown) =>
    Deno.writeTextFileSync(`${dir}/${name}`, JSON.stringify(value));
  write("20-b.conflist", { ...LIST, plugins: [{ type: "second" }] });
  write("10-a.conflist", LIST);
  write("30-c.conf", { cniVersion: "0.4.0", name: "one", type: "ptp" });
  write("40-d.conf", { name: "old", type: "ptp" });
  write("45-own.conflist", { ...LIST, name: "own" });
  Deno.writeTextFileSync(`${dir}/50-e.json`, "{");
  Deno.writeTextFileSync(`${dir}/README`, "no network");
  // Not waited for.
  await new Deno.Command("mkfifo", { args: [`${dir}/60-f.conf`] }).output();
  const { networks, refused } = readConflistDir(dir, ["own"]);
  assert.deepEqual([...networks.keys()], ["net", "one"]);
  assert.equal(networks.get("net")?.file, `${dir}/10-a.conflist`);
  assert.deepEqual([...refused.keys()], [
    `${dir}/20-b.conflist`,
    `${dir}/40-d.conf`,
    `${dir}/45-own.conflist`,
    `${dir}/50-e.json`,
    `${dir}/60-f.conf`,
  ]);
  assert.equal(
    refused.get(`${dir}/20-b.conflist`),
    `has the same \`name\` as ${dir}/10-a.conflist, which comes first`,
  );
  assert.equal(
    refused.get(`${dir}/45-own.conflist`),
    "has the `name` own, which is berth's own",
  );
  assert.deepEqual([...readConflistDir(dir, []).networks.keys()], ["net", "one", "own"]);
});
