// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cliCommand, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { namesIn } from "../harness/leaks/traces.ts";
import { within } from "../harness/poll.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

Deno.test("berth run -d, create: a signal leaves nothing, however far they have come", async () => {
  await using daemon = await TestDaemon.start();
  const wrapper = RuntimeWrapper.create(daemon.dir);
  const options = ["--runtime", wrapper.path, "--overlay", "-i", ...rootfsArgs(daemon)];
  const idFile = `${daemon.dir}/id`;
  for (
    const [verb, subcommand, signal, code] of [
      [["run", "-d"], "create", "SIGTERM", 143],
      [["run", "-d"], "start", "SIGINT", 130],
      [["create"], "create", "SIGHUP", 129],
    ] as const
  ) {
    const calls = wrapper.calls(subcommand).length;
    const release = wrapper.hang(subcommand);
    const args = [...verb, "--cidfile", idFile, ...options, "--", "sleep", "1000"];
    const child = cliCommand(daemon, args, { stdin: "null", stdout: "piped", stderr: "piped" })
      .spawn();
    await wrapper.called(subcommand, calls + 1);
    child.kill(signal);
    release();
    wrapper.clear();
    const { stdout, stderr, ...end } = await within("its end", child.output());
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const told = `berth: ended by ${signal}\n`;
    assert.deepEqual([end.code, text(stderr), text(stdout)], [code, told, ""], verb.join(" "));
    assert.deepEqual(await daemon.containerIds(), []);
    for (const kind of ["logs", "io", "overlay", "etc"]) {
      assert.deepEqual(namesIn(`${daemon.root}/${kind}`), [], kind);
    }
    assert.ok(!namesIn(daemon.dir).includes("id"), "the --cidfile");
  }
});
