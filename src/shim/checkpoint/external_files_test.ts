// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { once } from "node:events";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { until } from "../../../tests/harness/poll.ts";
import { mkfifo } from "../../linux/fd/fifo.ts";
import { processStat } from "../../linux/process/stat.ts";
import { findExternalFiles, readExternalFiles, writeExternalFiles } from "./external_files.ts";

Deno.test("findExternalFiles finds files of a mount that a process does not see, whatever fd has them", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const fifo = `${dir}/out`;
  mkfifo(fifo);
  const out = openSync(fifo, "r+");
  const file = openSync(`${dir}/file`, "a");
  // It opens its own `in` in the namespace; 3 and 2 came from outside, and a pipe is no file.
  const script = `exec 4>'${dir}/in'; touch '${dir}/ready'; exec sleep 1000`;
  const child = spawn("unshare", ["--mount", "sh", "-c", script], {
    stdio: ["pipe", "ignore", file, out],
  });
  closeSync(out);
  closeSync(file);
  try {
    const end = Date.now() + 60_000;
    while (!existsSync(`${dir}/ready`)) {
      assert.ok(Date.now() < end, "the process is there");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const found = findExternalFiles([child.pid ?? 0], ["", fifo, ""]);
    const inode = (path: string) => Deno.statSync(path).ino?.toString(16);
    const streams = new Map(
      Array.from(found, ([key, { stream }]) => [key.replace(/.*:/, ""), stream]),
    );
    assert.equal(streams.get(`${inode(fifo)}]`), 1, "by the path, not by the fd");
    assert.equal(streams.get(`${inode(`${dir}/file`)}]`), 2, "by the fd");
    assert.ok(!streams.has(`${inode(`${dir}/in`)}]`), "this one is seen");
    assert.deepEqual([...found.values()].find(({ stream }) => stream === 1)?.mode, 0o600);
    writeExternalFiles(dir, found);
    assert.deepEqual(
      readExternalFiles(dir),
      new Map([...found].filter(([, { stream }]) => stream !== undefined)),
    );
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});

Deno.test("readExternalFiles reads a checkpoint that tells no permissions", () => {
  using temp = new TempDir();
  Deno.writeTextFileSync(`${temp.path}/berth-stdio.json`, '{"file[1:2]":1}');
  const [[key, file] = []] = readExternalFiles(temp.path);
  assert.deepEqual([key, file?.stream, file?.mode], ["file[1:2]", 1, undefined]);
});

Deno.test("findExternalFiles: what does not descend from init is left out", async () => {
  using temp = new TempDir();
  const children = ["of-init", "of-exec"].map((name) => {
    const file = openSync(`${temp.path}/${name}`, "a");
    const child = spawn("unshare", ["--mount", "sleep", "1000"], {
      stdio: ["ignore", file, "ignore"],
    });
    closeSync(file);
    return child;
  });
  const [init = 0, exec = 0] = children.map(({ pid }) => pid);
  const find = (...pids: number[]) => findExternalFiles(pids, ["", "", ""]).size;
  try {
    await until("both", () => find(init) === 1 && find(exec) === 1);
    assert.equal(find(init, exec), 1);
    assert.equal(find(Deno.pid, init, exec), 2, "a descendant counts");
  } finally {
    await Promise.all(children.map(async (child) => {
      child.kill("SIGKILL");
      await once(child, "exit");
    }));
  }
});

Deno.test("findExternalFiles finds none of a process that is gone", () => {
  assert.deepEqual(findExternalFiles([2 ** 22 + 1], ["", "", ""]), new Map());
});

Deno.test("findExternalFiles: a process that has ended and is not reaped has none", async () => {
  // Becomes a program that does not reap the child of the shell.
  const script = "sleep 0 & echo $!; exec sleep 1000";
  const child = new Deno.Command("sh", { args: ["-c", script], stdout: "piped" }).spawn();
  const output = child.stdout.getReader();
  try {
    const { value } = await output.read();
    const pid = Number(new TextDecoder().decode(value));
    await until("a zombie", () => processStat(pid)?.state === "Z");
    assert.deepEqual(findExternalFiles([pid], ["", "", ""]), new Map());
  } finally {
    child.kill("SIGKILL");
    await output.cancel();
    await child.status;
  }
});
