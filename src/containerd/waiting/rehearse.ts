// SPDX-License-Identifier: MIT
import { failpoint } from "../../failpoint.ts";
import { mkfifo } from "../../linux/fd/fifo.ts";
import { withSocketPath } from "../../linux/fd/unix_path.ts";
import { processStat } from "../../linux/process/stat.ts";
import { BootstrapParams } from "../messages/bootstrap.ts";
import { ShutdownRequest } from "../messages/task.ts";
import { encode } from "../protobuf/codec.ts";
import { becomeGroupShim } from "../become_group_shim.ts";
import { TtrpcClient } from "../ttrpc/client.ts";
import { surroundingsOf } from "./surroundings.ts";
import { withDraft } from "./slot.ts";

/** The name of the container that is never created. */
const NAME = "rehearsal";

/**
 * Makes this process a shim once, without a client, before it waits in the slot at `path`: the work
 * that takes longest the first time is then done before a `start` waits for it. Returns whether
 * this process is as it was before.
 *
 * @param containerd the pid of containerd.
 * @throws what keeps this process from being a shim
 */
export async function rehearse(path: string, containerd: number): Promise<boolean> {
  surroundingsOf("self");
  processStat("self");
  return await withDraft(path, async (dir) => {
    Deno.writeTextFileSync(`${dir}/config.json`, "{}");
    mkfifo(`${dir}/log`);
    const { promise: ended, resolve: onDone } = Promise.withResolvers<boolean>();
    const params = { instance_id: NAME, namespace: NAME, socket_dir: `${dir}/s` };
    // A core-scheduling group cannot be left again.
    const { SCHED_CORE: _, ...env } = Deno.env.toObject();
    await becomeGroupShim({
      parent: containerd,
      args: ["-namespace", NAME, "-address", dir, "-id", NAME, "start"],
      bundle: dir,
      input: encode(BootstrapParams, params),
      env,
      onDone,
    });
    await shutDown(Deno.readTextFileSync(`${dir}/address`).replace("unix://", ""));
    failpoint("waiting.rehearsed");
    return await ended;
  });
}

/** Tells the shim at `address` that its last container is deleted, as containerd does. */
async function shutDown(address: string): Promise<void> {
  const connect = (path: string) => Deno.connect({ transport: "unix", path });
  using client = new TtrpcClient(await withSocketPath(address, connect));
  await client.call({
    service: "containerd.task.v2.Task",
    method: "Shutdown",
    payload: encode(ShutdownRequest, { id: NAME }),
  });
}
