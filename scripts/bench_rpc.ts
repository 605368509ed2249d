// SPDX-License-Identifier: MIT
// Round trips per second of the wire alone: an echo server in a process of its own, called over a
// Unix socket. `deno run -A scripts/bench_rpc.ts [seconds per row]`
import { dial } from "../src/rpc/transport/dial.ts";
import { Server } from "../src/rpc/transport/server.ts";

const [seconds = "3", socket] = Deno.args;

/** Calls over `connections`, each with `depth` calls at a time; returns calls per second. */
async function measure(path: string, connections: number, depth: number): Promise<number> {
  const peers = await Promise.all(
    Array.from({ length: connections }, () => dial(path, { onError: console.error })),
  );
  let count = 0;
  const start = performance.now();
  const end = start + Number(seconds) * 1000;
  await Promise.all(peers.flatMap((peer) =>
    Array.from({ length: depth }, async () => {
      while (performance.now() < end) {
        await peer.call("echo", { id: "bench" });
        count++;
      }
    })
  ));
  for (const peer of peers) peer.close();
  return count / ((performance.now() - start) / 1000);
}

if (socket !== undefined) {
  await Server.listen(socket, { onError: console.error, handlers: { echo: (params) => params } });
  console.log("ready");
} else {
  const dir = await Deno.makeTempDir({ prefix: "berth-bench-" });
  const path = `${dir}/s`;
  const server = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.filename ?? "", seconds, path],
    stdout: "piped",
  }).spawn();
  try {
    await server.stdout.getReader().read();
    await measure(path, 1, 1); // warms both up
    for (const [connections, depth] of [[1, 1], [1, 64], [64, 1]] as const) {
      const rate = await measure(path, connections, depth);
      console.log(`${connections} connections, ${depth} at a time: ${Math.round(rate)} calls/s`);
    }
  } finally {
    server.kill("SIGKILL");
    await server.status;
    await Deno.remove(dir, { recursive: true });
  }
}
