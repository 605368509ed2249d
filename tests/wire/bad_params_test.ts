// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BerthError } from "../../src/rpc/errors.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { within } from "../harness/poll.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import type { JsonObject } from "../harness/rootfs.ts";

/** Makes a call and returns the kind of the error and the paths that it names: `InvalidParams spec.root`. */
async function refusal(daemon: TestDaemon, method: string, params: JsonObject): Promise<string> {
  try {
    await within(method, daemon.peer.call(method, params));
  } catch (error) {
    assert.ok(error instanceof BerthError, String(error));
    const { issues } = error.data;
    if (!Array.isArray(issues)) return error.kind;
    return [error.kind, ...new Set(issues.map(({ path }) => path))].join(" ");
  }
  return "accepted";
}

/** Paths that lead to nothing, each in its own way; `loop` and `file` are in the directory. */
function nowhere(dir: string): string[] {
  return [
    `${dir}/none`,
    `${dir}/file/below`,
    `${dir}/loop`,
    `/${"x".repeat(300)}`,
    "/x".repeat(3000),
  ];
}

async function makeTraps({ dir }: TestDaemon): Promise<void> {
  await Deno.writeTextFile(`${dir}/file`, "");
  await Deno.symlink("loop", `${dir}/loop`);
}

Deno.test("bad params: a create with bad params is refused as such, whatever is wrong with a path or a string", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.life("warm-up");
  await makeTraps(daemon);
  const audit = LeakAudit.take(daemon);
  const { dir } = daemon;
  const spec = daemon.spec(["true"]);
  const rootless = daemon.spec(["true"], { root: undefined });
  const base = { type: "bind", source: rootfsDir(), options: ["rbind", "ro"] };
  const table: [params: JsonObject, expected: string][] = [];
  for (const path of nowhere(dir)) {
    const bind = { type: "bind", source: path, target: "/data" };
    table.push(
      [{ spec, runtime: path }, "RuntimeError"],
      [{ spec, checkpoint: path }, "InvalidParams checkpoint"],
      [{ spec, stdin: path }, "InvalidParams stdin"],
      [{ spec, stdout: path }, "InvalidParams stdout"],
      [{ spec: rootless, rootfs: [base, bind] }, "InvalidParams rootfs.1.source"],
      [{ spec: rootless, rootfs: [{ type: "ext4", source: path }] }, "FailedPrecondition"],
      [{ spec: daemon.spec(["true"], { root: { path } }) }, "RuntimeError"],
    );
    // A file is made where there is none.
    if (path !== `${dir}/none`) {
      table.push([{ spec, stderr: `file://${path}` }, "InvalidParams stderr"]);
    }
  }
  for (const runtime of ["", "no such", ".", dir, `${dir}/file`]) {
    table.push([{ spec, runtime }, "RuntimeError"]);
  }
  const NUL = "/a\0b";
  table.push(
    [{ id: "a\0b", spec }, "InvalidParams id"],
    [{ spec, runtime: NUL }, "InvalidParams runtime"],
    [{ spec, checkpoint: NUL }, "InvalidParams checkpoint"],
    [{ spec, stdin: NUL }, "InvalidParams stdin"],
    [{ spec, stdout: `file://${NUL}` }, "InvalidParams stdout"],
    [{ spec, rootfs: [{ ...base, type: NUL }] }, "InvalidParams rootfs.0.type"],
    [{ spec, rootfs: [{ ...base, source: NUL }] }, "InvalidParams rootfs.0.source"],
    [{ spec, rootfs: [{ ...base, target: NUL }] }, "InvalidParams rootfs.0.target"],
    [{ spec, rootfs: [{ ...base, options: [NUL] }] }, "InvalidParams rootfs.0.options.0"],
  );
  for (
    const [override, path] of [
      [{ hostname: NUL }, "hostname"],
      [{ root: { path: NUL } }, "root.path"],
      [{ process: { args: ["true", NUL] } }, "process.args.1"],
      [{ process: { env: [`A=${NUL}`] } }, "process.env.0"],
      [{ process: { cwd: NUL } }, "process.cwd"],
      [{ mounts: [{ destination: NUL }] }, "mounts.0.destination"],
      [{ linux: { cgroupsPath: NUL } }, "linux.cgroupsPath"],
      [{ hooks: { createRuntime: [{ path: NUL }] } }, "hooks.createRuntime.0.path"],
    ] as const
  ) {
    table.push([{ spec: daemon.spec(["true"], override) }, `InvalidParams spec.${path}`]);
  }

  for (const [params, expected] of table) {
    const answer = await refusal(daemon, "container.create", { id: "bad", ...params });
    assert.equal(answer, expected, JSON.stringify({ ...params, spec: undefined }).slice(0, 200));
  }
  assert.equal(await daemon.life("after"), 0);
  await audit.assertClean();
});

Deno.test("bad params: an exec and a checkpoint with bad params are refused as such", async () => {
  await using daemon = await TestDaemon.start();
  await makeTraps(daemon);
  await daemon.run("c", ["sleep", "1000"]);
  const exec = (process: JsonObject, rest: JsonObject = {}) =>
    refusal(daemon, "container.exec", {
      id: "c",
      process: { args: ["true"], ...process },
      ...rest,
    });
  const NUL = "/a\0b";
  assert.equal(await exec({ args: [NUL] }), "InvalidParams process.args.0");
  assert.equal(await exec({ env: [`A=${NUL}`] }), "InvalidParams process.env.0");
  assert.equal(await exec({ cwd: NUL }), "InvalidParams process.cwd");
  assert.equal(await exec({}, { stdout: `file://${NUL}` }), "InvalidParams stdout");
  const checkpoint = (path: string) => refusal(daemon, "container.checkpoint", { id: "c", path });
  assert.equal(await checkpoint(NUL), "InvalidParams path");
  for (const path of [`${daemon.dir}/file`, ...nowhere(daemon.dir).slice(1)]) {
    assert.equal(await exec({}, { stdin: path }), "InvalidParams stdin", path);
    assert.equal(await checkpoint(path), "FailedPrecondition", path);
  }
  assert.equal((await daemon.stateOf("c")).status, "running");
});

Deno.test("bad params: a log whose path holds no file is a bad param", async () => {
  await using daemon = await TestDaemon.start();
  await makeTraps(daemon);
  const spec = daemon.spec(["true"]);
  for (const path of [daemon.dir, `${daemon.dir}/file/below`, `${daemon.dir}/loop`]) {
    const refused = await refusal(daemon, "container.create", { id: "a", spec, log: { path } });
    assert.equal(refused, "InvalidParams log.path", path);
  }
});
