// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { formerLogPath } from "../../oci/log_layout.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { createDir, OVERLAY_LABEL, removeDir, removeOrphans } from "./container_dirs.ts";
import { removeLeftovers } from "./remove.ts";

async function withRoot(use: (root: string) => void) {
  const root = await Deno.makeTempDir({ prefix: "berth-places-" });
  try {
    use(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

function state(id: string, over: Partial<ContainerState>): ContainerState {
  return {
    id,
    instance: "i",
    status: "stopped",
    pid: 1,
    bundle: "/b",
    runtime: "runc",
    terminal: false,
    stdin: "",
    stdout: "",
    stderr: "",
    labels: {},
    createdAt: "2026-01-01T00:00:00.000Z",
    shimPid: 1,
    shim: "connected",
    processes: [],
    ...over,
  };
}

const children = (dir: string) => [...Deno.readDirSync(dir)].map(({ name }) => name);

Deno.test("createDir: two commands that want one id have places of their own", async () => {
  await withRoot((root) => {
    const mine = createDir(root, "io", "a");
    const theirs = createDir(root, "io", "a");
    removeDir(mine);
    assert.ok(Deno.statSync(theirs).isDirectory);
    removeDir(theirs);
    assert.deepEqual(children(`${root}/io`), []);
  });
});

Deno.test("createDir: log, FIFOs and overlay go with the container, and nothing else does", async () => {
  await withRoot((root) => {
    const io = createDir(root, "io", "a");
    const overlay = createDir(root, "overlay", "a");
    const other = createDir(root, "overlay", "b");
    Deno.mkdirSync(`${root}/logs`);
    Deno.writeTextFileSync(formerLogPath(root, "a"), "x");
    removeLeftovers(
      root,
      state("a", {
        stdin: `${io}/stdin`,
        stdout: `file://${formerLogPath(root, "a")}`,
        labels: { [OVERLAY_LABEL]: overlay },
      }),
    );
    assert.deepEqual(children(`${root}/io`), []);
    assert.deepEqual(children(`${root}/logs`), []);
    assert.deepEqual(children(`${root}/overlay`), ["b"]);
    for (const label of [other, `${root}/overlay/a/../b`, "/"]) {
      removeLeftovers(
        root,
        state("a", { stdout: "/dev/null", labels: { [OVERLAY_LABEL]: label } }),
      );
    }
    assert.ok(Deno.statSync(other).isDirectory);
  });
});

Deno.test("removeOrphans: what a container left that is gone is found by its id", async () => {
  await withRoot((root) => {
    createDir(root, "overlay", "a");
    assert.equal(removeOrphans(root, "a"), true);
    assert.equal(removeOrphans(root, "a"), false);
  });
});

Deno.test("removeOrphans: what is below an id whose rename is not done stays", async () => {
  await withRoot((root) => {
    for (const id of ["web", "x"]) createDir(root, "overlay", id);
    Deno.mkdirSync(`${root}/renames`);
    Deno.writeTextFileSync(`${root}/renames/x.json`, JSON.stringify({ from: "web", to: "x" }));
    for (const id of ["web", "x"]) assert.equal(removeOrphans(root, id), false);
  });
});
