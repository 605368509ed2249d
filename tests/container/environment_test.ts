// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TestDaemon } from "../harness/daemon.ts";
import { FROM_SOURCE, program, runDir } from "../harness/run.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";

/** Names of the variables of a process. */
function variables(pid: number): string[] {
  return Deno.readTextFileSync(`/proc/${pid}/environ`).split("\0").map((entry) =>
    entry.split("=", 1)[0] ?? ""
  );
}

/** Soft and hard limit of open files of a process. */
function fileLimits(pid: number): [soft: string, hard: string] {
  const limits = Deno.readTextFileSync(`/proc/${pid}/limits`);
  const [, soft = "", hard = ""] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(limits) ?? [];
  return [soft, hard];
}

Deno.test("environment: neither shims nor runtimes inherit the daemon's environment, or relative paths", async () => {
  for (const config of ["", "no_shim = true\n"]) {
    const wrapper = RuntimeWrapper.create(runDir());
    await using daemon = TestDaemon.prepare({
      config: `${wrapper.config}${config}`,
      env: { A_TOKEN: "secret", PATH: `.::bin:${Deno.env.get("PATH")}` },
    });
    const file = `${daemon.dir}/environment`;
    for (const subcommand of ["create", "delete"]) {
      wrapper.rule(subcommand, `tr '\\0' '\\n' </proc/$$/environ >>${file}`);
    }
    await daemon.start();
    await daemon.run("c", ["sleep", "1000"]);
    const { shimPid } = await daemon.stateOf("c");
    assert.ok(shimPid);
    if (config === "") assert.ok(!variables(shimPid).includes("A_TOKEN"));
    await daemon.remove("c");
    const seen = Deno.readTextFileSync(file);
    assert.ok(!seen.includes("A_TOKEN"), seen);
    const paths = seen.match(/^PATH=.*$/gm) ?? [];
    assert.ok(paths.length >= 2);
    for (const path of paths) assert.match(path, /^PATH=(\/[^:]*)(:\/[^:]*)*$/);
  }
});

// `deno run` raises its limit before berth can see what was meant; the launcher of a built berth tells.
Deno.test({
  name:
    "environment: daemon and shims may open as many files as they can, runtimes what was meant" +
    (FROM_SOURCE ? " (not from sources)" : ""),
  ignore: FROM_SOURCE,
  fn: async () => {
    const limited = ["sh", "-c", 'ulimit -Sn 777; exec "$0" "$@"', ...program()];
    for (const config of ["", "no_shim = true\n"]) {
      const wrapper = RuntimeWrapper.create(runDir());
      await using daemon = TestDaemon.prepare({
        config: `${wrapper.config}${config}`,
        program: limited,
      });
      const file = `${daemon.dir}/limits`;
      // What a container has then is the runtime's affair: runc of Go 1.19 raises its own, too.
      for (const subcommand of ["create", "exec"]) {
        wrapper.rule(subcommand, `ulimit -Sn >>${file}`);
      }
      await daemon.start();
      const { client } = daemon;
      await daemon.run("c", ["sleep", "1000"]);
      const { shimPid = 0 } = await daemon.stateOf("c");
      for (const own of [daemon.pid, shimPid]) {
        const [soft, hard] = fileLimits(own);
        assert.equal(soft, hard);
        assert.notEqual(soft, "777");
      }
      await client.call("container.exec", { id: "c", execId: "e", process: { args: ["true"] } });
      assert.equal(Deno.readTextFileSync(file), "777\n777\n");
    }
  },
});
