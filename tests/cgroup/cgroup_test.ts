// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FailedPreconditionError, RuntimeError } from "../../src/rpc/errors.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { uniqueName } from "../harness/run.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";
import { cgroupHierarchies } from "../../src/linux/cgroup/cgroup.ts";
import { cgroupsOf } from "../harness/leaks/traces.ts";

Deno.test("container.create into the cgroup of another container is refused, and touches it not", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const cgroupsPath = `/${daemon.cgroup}/${uniqueName("shared")}`;
  const spec = daemon.spec(["sleep", "1000"], { linux: { cgroupsPath } });
  await client.call("container.create", { id: "first", spec });
  const second = () => client.call("container.create", { id: "second", spec });
  const refused = (error: Error) =>
    error instanceof FailedPreconditionError && error.message.includes(cgroupsPath) &&
    error.message.includes("first");
  await assert.rejects(second, refused);
  // Another spelling of the same path.
  const linux = { cgroupsPath: cgroupsPath.replace("/", "//x/.././") };
  const spelled = daemon.spec(["sleep", "1000"], { linux });
  await assert.rejects(client.call("container.create", { id: "third", spec: spelled }), refused);
  await client.call("container.start", { id: "first" });
  await assert.rejects(second, refused);
  assert.equal((await daemon.stateOf("first")).status, "running");
  await daemon.remove("first");
  // It is free again.
  await second();
  await daemon.remove("second");
});

Deno.test("container.create into a cgroup that has processes is refused, whoever's they are", async () => {
  await using one = await TestDaemon.start();
  await using other = await TestDaemon.start();
  const cgroupsPath = `/${one.cgroup}/${uniqueName("shared")}`;
  const spec = one.spec(["sleep", "1000"], { linux: { cgroupsPath } });
  await one.client.call("container.create", { id: "c", spec });
  await one.client.call("container.start", { id: "c" });
  const { pid } = await one.stateOf("c");
  await assert.rejects(
    other.client.call("container.create", { id: "c", spec }),
    (error: Error) =>
      error instanceof FailedPreconditionError && error.message.includes(cgroupsPath) &&
      error.message.includes(`${pid}`),
  );
  assert.equal((await one.stateOf("c")).status, "running");
});

Deno.test("container.create into a cgroup above or below that of another container is refused", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const base = `/${daemon.cgroup}/${uniqueName("nested")}`;
  const create = (id: string, cgroupsPath: string) => {
    const spec = daemon.spec(["sleep", "1000"], { linux: { cgroupsPath } });
    return client.call("container.create", { id, spec });
  };
  await create("first", `${base}/middle`);
  for (const path of [base, `${base}/middle/below`]) {
    await assert.rejects(
      create("second", path),
      (error: Error) =>
        error instanceof FailedPreconditionError && error.message.includes(path) &&
        error.message.includes("first"),
    );
  }
  // What only begins with the same letters is another cgroup.
  await create("third", `${base}/middle2`);
});

Deno.test("container.create: of two daemons that take one cgroup at the same time one is refused", async () => {
  await using one = await TestDaemon.start();
  await using other = await TestDaemon.start();
  for (let round = 0; round < 5; round++) {
    const cgroupsPath = `/${one.cgroup}/${uniqueName("raced")}`;
    const spec = one.spec(["sleep", "1000"], { linux: { cgroupsPath } });
    const id = `c${round}`;
    const daemons = [one, other];
    const results = await Promise.allSettled(
      daemons.map(({ client }) => client.call("container.create", { id, spec })),
    );
    assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    for (const [index, result] of results.entries()) {
      if (result.status === "rejected") {
        assert.ok(result.reason instanceof FailedPreconditionError, String(result.reason));
        assert.ok(result.reason.message.includes(cgroupsPath));
      } else {
        await daemons[index]?.remove(id);
      }
    }
    assert.deepEqual(cgroupsOf(cgroupsPath.slice(1)), [], "nothing is left of either");
  }
});

Deno.test({
  name: "cgroup: a relative path is below the daemon's own cgroup, and known before it is made",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    const { client } = daemon;
    const cgroupsPath = uniqueName("relative");
    const spec = daemon.spec(["sleep", "1000"], { linux: { cgroupsPath } });
    const { pid } = await client.call("container.create", { id: "c", spec });
    const { bundle } = await daemon.stateOf("c");
    const { cgroupsPath: recorded } = JSON.parse(Deno.readTextFileSync(`${bundle}/berth.json`));
    assert.match(recorded, new RegExp(`^/berth-[0-9a-f]{12}/${cgroupsPath}$`));
    const lines = Deno.readTextFileSync(`/proc/${pid}/cgroup`).split("\n");
    assert.ok(lines.some((line) => line.endsWith(`:${recorded}`)), lines.join());
    await daemon.remove("c");
    // The runtime has made the cgroup; where is not known yet.
    failpoints.arm("shim.create.claim=crash");
    await assert.rejects(client.call("container.create", { id: "c", spec }));
    failpoints.disarm();
    await daemon.untilEmpty();
    assert.deepEqual(cgroupsOf(recorded.slice(1)), []);
  },
});

/** Where v2 is mounted here, alone or beside v1. */
const unified = cgroupHierarchies().find(({ names }) => names.includes("unified"))?.mountPoint;

Deno.test({
  name: "container.create (stand-in runtime) names a parent cgroup of v2 that holds processes",
  ignore: unified === undefined,
  fn: async () => {
    await using daemon = await TestDaemon.start();
    const runtime = RuntimeWrapper.create(daemon.dir);
    // What runc says where it may not hand a controller down; with v1 beside it, it does not get there.
    const words = "cannot enter cgroupv2 with domain controllers -- it is in an invalid state";
    runtime.rule("create", `echo '{"level":"error","msg":"${words}"}' >>"$log"; exit 1`);
    const parent = `/${daemon.cgroup}/${uniqueName("parent")}`;
    const linux = { cgroupsPath: `${parent}/web` };
    const create = () =>
      daemon.client.call("container.create", {
        id: "web",
        runtime: runtime.path,
        spec: daemon.spec(["true"], { linux }),
      });
    await assert.rejects(create(), RuntimeError);
    const dir = `${unified}${parent}`;
    Deno.mkdirSync(dir, { recursive: true });
    const sleeper = new Deno.Command("sleep", { args: ["1000"] }).spawn();
    try {
      Deno.writeTextFileSync(`${dir}/cgroup.procs`, String(sleeper.pid));
      await assert.rejects(create(), (error) => {
        assert.ok(error instanceof FailedPreconditionError);
        assert.ok(error.message.includes(`${dir}, above its own, holds processes`), error.message);
        assert.ok(error.message.includes(`(${sleeper.pid})`));
        return true;
      });
    } finally {
      sleeper.kill("SIGKILL");
      await sleeper.status;
      Deno.removeSync(dir);
    }
  },
});
