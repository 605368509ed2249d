// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { formerLogPath } from "../../oci/log_layout.ts";
import { OVERLAY_LABEL, removeOwnDir } from "../../oci/own_dirs_layout.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { createDir, orphansOf } from "./container_dirs.ts";
import { OrphanRemoval } from "./orphan_removal.ts";
import { removeLeftovers } from "./remove.ts";

function withRoot(use: (root: string, held: DisposableStack) => void) {
  using temp = new TempDir();
  const root = temp.path;
  using held = new DisposableStack();
  use(root, held);
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

Deno.test("createDir: two commands that want one id have places of their own", () => {
  withRoot((root, held) => {
    const mine = createDir(root, "io", "a", held);
    const theirs = createDir(root, "io", "a", held);
    removeOwnDir(mine);
    assert.ok(Deno.statSync(theirs).isDirectory);
    removeOwnDir(theirs);
    assert.deepEqual(children(`${root}/io`), []);
  });
});

Deno.test("createDir: log, FIFOs and overlay go with the container, and nothing else does", () => {
  withRoot((root, held) => {
    const io = createDir(root, "io", "a", held);
    const overlay = createDir(root, "overlay", "a", held);
    const other = createDir(root, "overlay", "b", held);
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

Deno.test("OrphanRemoval: what a container left that is gone goes, what is for one to come stays", () => {
  withRoot((root, held) => {
    const removeAll = () => {
      const paths = orphansOf(root, "a");
      using removal = new OrphanRemoval(paths);
      for (const path of paths) removal.remove(path);
      return orphansOf(root, "a");
    };
    const left = new DisposableStack();
    const old = createDir(root, "etc", "a", left);
    Deno.writeTextFileSync(`${old}/hosts`, "");
    createDir(root, "overlay", "a", left);
    left.dispose();
    Deno.mkdirSync(`${root}/io`);
    Deno.writeTextFileSync(`${root}/io/a`, "no directory");
    const young = createDir(root, "etc", "a", held);
    Deno.writeTextFileSync(`${young}/hosts`, "");
    assert.deepEqual(removeAll(), [`${root}/etc/a`]);
    assert.deepEqual(children(`${root}/etc/a`), [young.slice(young.lastIndexOf("/") + 1)]);
    assert.deepEqual(children(young), ["hosts"]);
    assert.deepEqual(children(`${root}/overlay`), []);
    assert.deepEqual(children(`${root}/io`), []);
    // The daemon knows of the container, or there is none.
    held.dispose();
    assert.deepEqual(removeAll(), []);
    assert.deepEqual(children(`${root}/etc`), []);
  });
});

Deno.test("createDir: a directory that is just being removed is not taken", () => {
  withRoot((root, held) => {
    const left = new DisposableStack();
    const old = createDir(root, "etc", "a", left);
    left.dispose();
    using removal = new OrphanRemoval([`${root}/etc/a`]);
    const young = createDir(root, "etc", "a", held);
    removal.remove(`${root}/etc/a`);
    const name = young.slice(young.lastIndexOf("/") + 1);
    assert.deepEqual(children(`${root}/etc/a`), [name]);
    assert.notEqual(young, old);
  });
});

Deno.test("orphansOf: what is below an id whose rename is not done stays", () => {
  withRoot((root, held) => {
    for (const id of ["web", "x"]) createDir(root, "overlay", id, held);
    Deno.mkdirSync(`${root}/renames`);
    Deno.writeTextFileSync(`${root}/renames/x.json`, JSON.stringify({ from: "web", to: "x" }));
    for (const id of ["web", "x"]) assert.deepEqual(orphansOf(root, id), []);
  });
});
