// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { NotFoundError } from "../../src/rpc/errors.ts";
import { ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { deleteUntilGone } from "../harness/delete_until_gone.ts";
import { namesIn } from "../harness/leaks/traces.ts";
import { until } from "../harness/poll.ts";
import { hasEnded, killIfThere, processesOf } from "../harness/processes.ts";
import { shutDown } from "../harness/reboot.ts";
import { baseName } from "../harness/run.ts";
import { crun } from "../harness/runtime/crun.ts";
import { createService } from "../harness/service.ts";
import { testNeeding } from "../../scripts/test_needing.ts";

/** The content of a file that was just written, after a loss of power. */
const DAMAGES = { empty: "", torn: '{"format":1,"id' };

/** The files of a container below the state directory, which is not always a tmpfs. */
const FILES = [
  "berth.json",
  "config.json",
  "shim.json",
  "cgroup.json",
  "init.pid",
  "exit.json",
  "stop.json",
  "restart.json",
];

/** Ends the processes of a daemon, and its containers, and leaves what is on the disk. */
async function losePower(daemon: TestDaemon): Promise<void> {
  await daemon.kill9();
  await until("the end of all processes", () => {
    const alive = processesOf(baseName(daemon.dir)).filter(({ state }) => state !== "Z");
    killIfThere(...alive.map(({ pid }) => pid));
    return alive.length === 0;
  });
}

testNeeding(
  ["crun"],
  "damaged files: none of a container keeps the daemon from starting, or the container from being removed",
  async () => {
    await using daemon = await TestDaemon.start();
    const damaged: [path: string, text: string][] = [];
    const ids: string[] = [];
    for (const [how, text] of Object.entries(DAMAGES)) {
      for (const file of FILES) {
        const id = `${how}-${file}`;
        await daemon.run(id, ["sleep", "1000"]);
        damaged.push([`${daemon.state}/linux/${id}/${file}`, text]);
        ids.push(id);
      }
      await daemon.run(`${how}-runc`, ["sleep", "1000"]);
      damaged.push([`${daemon.state}/oci/${how}-runc/state.json`, text]);
      await daemon.client.call("container.create", {
        id: `${how}-crun`,
        spec: daemon.spec(["sleep", "1000"]),
        runtime: await crun(daemon),
      });
      damaged.push([`${daemon.state}/oci/${how}-crun/status`, text]);
      ids.push(`${how}-runc`, `${how}-crun`);
    }
    await losePower(daemon);
    for (const [path, text] of damaged) Deno.writeTextFileSync(path, text);
    await daemon.start();
    for (const id of ids) {
      await deleteUntilGone(daemon, id);
      assert.equal(await daemon.life(id), 0, "its id is free");
    }
    for (const dir of ["linux", "oci"]) assert.deepEqual(namesIn(`${daemon.state}/${dir}`), []);
  },
);

testNeeding(
  ["crun"],
  "damaged files: the seccomp filters that crun keeps are made anew after a daemon's start",
  async () => {
    await using daemon = await TestDaemon.start();
    const run = ["run", "--rm", "--runtime", crun(daemon), ...rootfsArgs(daemon), "--", "true"];
    await ok(daemon, ...run);
    const cache = `${daemon.state}/oci/.cache/seccomp`;
    // One that keeps none leaves it to this file.
    Deno.mkdirSync(cache, { recursive: true });
    Deno.writeTextFileSync(`${cache}/filter`, "");
    for (const name of namesIn(cache)) Deno.truncateSync(`${cache}/${name}`);
    await daemon.restart();
    assert.deepEqual(namesIn(cache), []);
    await ok(daemon, ...run);
    // What is there in its place is no reason not to start.
    Deno.removeSync(cache, { recursive: true });
    Deno.writeTextFileSync(cache, "");
    await daemon.restart();
    Deno.removeSync(cache);
  },
);

Deno.test("damaged files: a container that runs is removed with its processes though its state is damaged", async () => {
  await using daemon = await TestDaemon.start();
  for (const shim of ["alive", "dead", "unknown"]) {
    const pid = await daemon.run("c", ["sleep", "1000"]);
    const state = `${daemon.state}/oci/c/state.json`;
    Deno.writeTextFileSync(state, "");
    const { shimPid } = await daemon.stateOf("c");
    if (shim === "dead") Deno.kill(shimPid, "SIGKILL");
    if (shim === "unknown") {
      await daemon.kill9();
      Deno.kill(shimPid, "SIGKILL");
      for (const file of ["berth.json", "shim.json", "cgroup.json"]) {
        Deno.writeTextFileSync(`${daemon.state}/linux/c/${file}`, "");
      }
      await daemon.start();
    }
    await deleteUntilGone(daemon, "c");
    await until("the end of its process", () => hasEnded(pid));
    assert.deepEqual(namesIn(`${daemon.state}/oci`), []);
    const said = `c: ${state} is damaged, so it is removed without the OCI runtime`;
    assert.ok(daemon.log.includes(said), shim);
  }
});

Deno.test("damaged files: a definition is named and kept until a forced delete, and its id is free", async () => {
  await using daemon = await TestDaemon.start();
  const ids: string[] = [];
  for (const file of ["berth.json", "service.json", "config.json", "exit.json"]) {
    const id = `c-${file}`;
    await createService(daemon, id, "sleep 1000", { restart: { policy: "unless-stopped" } });
    await daemon.client.call("container.start", { id });
    ids.push(id);
  }
  await shutDown(daemon);
  for (const id of ids) {
    Deno.writeTextFileSync(`${daemon.root}/containers/${id}/${id.slice(2)}`, "");
  }
  for (const path of ["renames/x.json", "autoremove/x.json", "networks.json"]) {
    Deno.mkdirSync(`${daemon.root}/${path.split("/").slice(0, -1).join("/")}`, { recursive: true });
    Deno.writeTextFileSync(`${daemon.root}/${path}`, "");
  }
  await daemon.start();
  for (const id of ["c-berth.json", "c-service.json"]) {
    const dir = `${daemon.root}/containers/${id}`;
    assert.ok(
      daemon.log.includes(`definition ${dir}, left alone until a forced delete of ${id}: `),
    );
    await assert.rejects(daemon.remove(id), NotFoundError);
  }
  for (const id of ids) await deleteUntilGone(daemon, id);
  assert.deepEqual(namesIn(`${daemon.root}/containers`), []);
  assert.match(daemon.log, /renames\/x\.json is damaged/);
  assert.deepEqual(namesIn(`${daemon.root}/autoremove`), []);
});
