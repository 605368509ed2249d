// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FailedPreconditionError } from "../src/rpc/errors.ts";
import { TestDaemon } from "./harness/daemon.ts";
import { uniqueName } from "./harness/run.ts";

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
  assert.equal((await client.call("container.state", { id: "first" })).status, "running");
  await client.call("container.delete", { id: "first", force: true });
  // It is free again.
  await second();
  await client.call("container.delete", { id: "second", force: true });
});

Deno.test("container.create into a cgroup that has processes is refused, whoever's they are", async () => {
  await using one = await TestDaemon.start();
  await using other = await TestDaemon.start();
  const cgroupsPath = `/${one.cgroup}/${uniqueName("shared")}`;
  const spec = one.spec(["sleep", "1000"], { linux: { cgroupsPath } });
  await one.client.call("container.create", { id: "c", spec });
  await one.client.call("container.start", { id: "c" });
  const { pid } = await one.client.call("container.state", { id: "c" });
  await assert.rejects(
    other.client.call("container.create", { id: "c", spec }),
    (error: Error) =>
      error instanceof FailedPreconditionError && error.message.includes(cgroupsPath) &&
      error.message.includes(`${pid}`),
  );
  assert.equal((await one.client.call("container.state", { id: "c" })).status, "running");
});

Deno.test("cgroup: containers whose specs name no cgroup get one that is their daemon's alone", async () => {
  await using one = await TestDaemon.start();
  await using other = await TestDaemon.start();
  const paths: string[] = [];
  const parents: string[] = [];
  try {
    for (const daemon of [one, other]) {
      const spec = daemon.spec(["sleep", "1000"]);
      const { cgroupsPath: _, ...linux } = Object(spec["linux"]);
      const { pid } = await daemon.client.call("container.create", {
        id: "c",
        spec: { ...spec, linux },
      });
      const path = /^\d+:memory:(.*)$|^0::(.*)$/m.exec(
        Deno.readTextFileSync(`/proc/${pid}/cgroup`),
      );
      paths.push(path?.[1] ?? path?.[2] ?? "");
    }
    assert.match(paths[0] ?? "", /^\/berth-[0-9a-f]{12}\/c$/);
    assert.notEqual(paths[0], paths[1]);
    parents.push(...paths.map((path) => path.replace(/\/c$/, "")));
  } finally {
    for (const daemon of [one, other]) {
      await daemon.client.call("container.delete", { id: "c", force: true });
    }
    for (const parent of parents) {
      for (const { name } of Deno.readDirSync("/sys/fs/cgroup")) {
        try {
          Deno.removeSync(`/sys/fs/cgroup/${name}${parent}`);
        } catch {
          // Not a hierarchy of its own, or another name of one.
        }
      }
    }
  }
});
