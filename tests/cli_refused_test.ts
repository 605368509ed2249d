// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cli, rootfsArgs } from "./harness/cli.ts";
import { TestDaemon } from "./harness/daemon.ts";

Deno.test("an id that is none is refused before it is used as a path", async () => {
  await using daemon = await TestDaemon.start();
  const victim = `${daemon.dir}/victim`;
  Deno.mkdirSync(victim);
  Deno.writeTextFileSync(`${victim}.log`, "precious");
  for (const verb of [["run", "-d"], ["run", "--rm"], ["create", "-i"], ["run", "--overlay"]]) {
    const args = [...verb, "--name", "../../victim", ...rootfsArgs(daemon), "--", "true"];
    const { code, stderr } = await cli(daemon, args);
    assert.equal(code, 125, stderr);
    assert.match(stderr, /^berth: invalid id "\.\.\/\.\.\/victim": must be [^\n]+\n$/);
  }
  assert.equal(Deno.readTextFileSync(`${victim}.log`), "precious");
  assert.deepEqual([...Deno.readDirSync(victim)], []);
});
