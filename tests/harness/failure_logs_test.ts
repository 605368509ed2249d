// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { output } from "./command.ts";
import { KEEP_VARIABLE } from "./keep_files.ts";
import { baseName, RUN_VARIABLE, runDir, uniqueName } from "./run.ts";
import { removeCgroups } from "./leaks/sweep.ts";

/** Runs a test file of its own that starts a daemon and then fails if it is told to. */
async function runTest(body: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const dir = `${runDir()}/${uniqueName("failing")}`;
  await Deno.mkdir(dir);
  const file = `${dir}/one_test.ts`;
  const harness = new URL("daemon.ts", import.meta.url).href;
  await Deno.writeTextFile(
    file,
    `import { TestDaemon } from "${harness}";
Deno.test("one", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("c", ["sleep", "1000"]);
  ${body}
});
`,
  );
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const argv = [Deno.execPath(), "test", "-A", "--no-check", "--config", config, file];
  const { stdout, stderr } = await output(argv, {
    env: { NO_COLOR: "1", [RUN_VARIABLE]: dir, ...env },
  });
  await removeCgroups(baseName(dir));
  return `${stdout}${stderr}`;
}

Deno.test("failure logs: a test that fails shows the ends of its daemon's and its shims' logs", async () => {
  const shimSays =
    `await Deno.writeTextFile(daemon.state + "/linux/c/shim.log", "a word of the shim\\n");`;
  const failed = await runTest(`${shimSays} throw new Error("as it was told");`);
  assert.match(failed, /^---- \S+\/daemon\.log\n.*listening/ms);
  assert.match(failed, /^---- \S+\/linux\/c\/shim\.log\na word of the shim$/m);
  assert.match(failed, /as it was told/);
  assert.match(failed, /^the test stands at file:\S+\/one_test\.ts:2:/m);
  const passed = await runTest(shimSays);
  assert.match(passed, /1 passed/);
  assert.doesNotMatch(passed, /----/);
});

Deno.test("failure logs: a failure is told whose test had a call under way, and an error nobody caught is one", async () => {
  const wait = `daemon.exitOf("c");`;
  const failed = await runTest(`const waiting = ${wait}
  if (Deno.pid > 0) throw new Error("as it was told");
  await waiting;`);
  assert.match(failed, /as it was told/);
  assert.match(failed, /^---- \S+\/daemon\.log\n.*listening/ms);
  assert.doesNotMatch(failed, /uncaught/i);
  assert.match(await runTest(`void ${wait}`), /the connection was closed .*1 failed/s);
});

Deno.test("failure logs: what a test makes stays when it is asked for", async () => {
  const output = await runTest("console.log(daemon.dir);", { [KEEP_VARIABLE]: "1" });
  const dir = output.match(/^\/\S+\/d-[0-9a-f]+$/m)?.[0];
  assert.ok(dir !== undefined, output);
  assert.match(await Deno.readTextFile(`${dir}/daemon.log`), /./);
});
