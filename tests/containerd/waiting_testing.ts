// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { findCommand } from "../../scripts/system_packages.ts";
import { makeFifo } from "../harness/io/fifo.ts";
import { writeScript } from "../harness/stand_in.ts";
import { addressIn } from "../harness/containerd/shim_program.ts";
import type { StubContainerd } from "../harness/containerd/stub_containerd.ts";

/** Starts a shim, and checks that it is one which can be reached; its address. */
export async function start(containerd: StubContainerd, id: string): Promise<string> {
  containerd.makeBundle(id, ["true"]);
  const said = await containerd.call(id, "start", containerd.params(id));
  assert.deepEqual([said.code, said.stderr], [0, ""]);
  const address = addressIn(said.stdout);
  (await Deno.connect({ transport: "unix", path: address })).close();
  return address;
}

/** The first lines of the program, one for each shell that may run it. */
export const SHELLS = ["#!/bin/sh", `#!${findCommand("busybox")} sh`];

/** A whole life of a container that is started by a process that waits; the shim's pid. */
export async function live(
  containerd: StubContainerd,
  id: string,
  status: number,
): Promise<number> {
  containerd.makeBundle(id, ["sh", "-c", `exit ${status}`]);
  const before = containerd.waitingPids();
  using client = await containerd.start(id);
  const shim = containerd.shimPids().find((pid) => before.includes(pid));
  assert.ok(shim, "a process that waited is the shim");
  await client.create();
  const waited = client.wait();
  await client.start();
  assert.equal((await waited).exit_status, status);
  await client.delete();
  await client.shutdown();
  assert.deepEqual(await containerd.told(id, "delete"), ["create", "start", "exit", "delete"]);
  assert.equal((await containerd.delete(id)).exit_status, status);
  return shim;
}

/**
 * Starts a shim from a shell of its own, which the process that then waits takes for containerd. The
 * shell ends when it is told to.
 */
export function startByShell(containerd: StubContainerd): { end(): Promise<void> } {
  const fifo = makeFifo(containerd.dir);
  const text = `${containerd.shim} "$@"\nread -r _ <${fifo}`;
  const caller = writeScript(`${containerd.dir}/caller`, text);
  containerd.makeBundle("c", ["true"]);
  const said = containerd.call("c", "start", containerd.params("c"), caller);
  return {
    async end() {
      Deno.writeTextFileSync(fifo, "\n");
      assert.equal((await said).code, 0);
    },
  };
}
