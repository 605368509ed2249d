// SPDX-License-Identifier: MIT
//
// Keeps workers running until it is told to end (SIGINT, SIGTERM):
//
//     deno run -A supervisor.ts ROOTFS WORKERS COMMAND [ARGUMENT...]
//
// `restart: { policy: "always" }` of `container.create` has the daemon do that. This shows how to
// follow events and to decide for yourself.
import { type Client, connect, type StreamedEvent } from "../../mod.ts";

const LABELS = { "example.supervisor": "yes" };

/** So long after its exit a worker is started again, milliseconds. */
const PAUSE_MS = 500;

async function startWorker(client: Client, id: string, spec: Readonly<Record<string, unknown>>) {
  const container = await client.create({ id, spec, labels: LABELS });
  console.log(`${id}: pid ${await container.start()}`);
}

async function main([rootfs, workers = "1", ...args]: readonly string[]) {
  if (rootfs === undefined || args.length === 0) {
    throw new Error("usage: supervisor.ts ROOTFS WORKERS COMMAND [ARGUMENT...]");
  }
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => ending.abort());
  }
  await using client = await connect();
  // What an earlier supervisor has left is not watched by anybody.
  for (const { id } of await client.list({ labels: LABELS })) {
    await client.container(id).delete({ force: true });
  }
  // Before the first start, so that no exit is missed; goes on over restarts of the daemon.
  const exits = client.events({ types: ["exit"], labels: LABELS, signal: ending.signal });
  await exits.ready;
  const specs = new Map<string, Readonly<Record<string, unknown>>>();
  for (let number = 1; number <= Number(workers); number++) {
    const id = `worker-${number}`;
    const spec = await client.defaultSpec({ id, rootfs, args, readOnly: true });
    specs.set(id, spec);
    await startWorker(client, id, spec);
  }
  const startAgain = async ({ id, exitStatus }: StreamedEvent) => {
    const spec = specs.get(id);
    if (spec === undefined) return;
    console.log(`${id}: exit ${exitStatus}`);
    await client.container(id).delete();
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    if (!ending.signal.aborted) await startWorker(client, id, spec);
  };
  try {
    for await (const event of exits) {
      // An exec ends, too, and says which.
      if (event.execId === undefined) await startAgain(event);
    }
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  }
  for (const { id } of await client.list({ labels: LABELS })) {
    const { exitStatus } = await client.container(id).stop({ graceMs: 2000 });
    await client.container(id).delete();
    console.log(`${id}: ended, ${exitStatus}`);
  }
}

await main(Deno.args);
