// SPDX-License-Identifier: MIT
//
// Calls a daemon as cheaply as Deno can: client.ts ENGINE SOCKET CONNECTIONS SECONDS. Each
// connection has one call at a time, of bytes that were made before, and answers are not looked at
// further than to find their end. Prints how many calls were answered.
import { jsonRpc } from "./json_rpc.ts";
import { grpc } from "./grpc.ts";

/** Per engine, what makes a call on a connection each time that it is called. */
const PROTOCOLS: Readonly<Record<string, (connection: Deno.Conn) => () => Promise<void>>> = {
  berth: jsonRpc,
  containerd: grpc,
};

const [engine = "", path = "", connections = "1", seconds = "1"] = Deno.args;
const open = PROTOCOLS[engine];
if (open === undefined) throw new RangeError(`no engine ${engine}`);
const end = performance.now() + Number(seconds) * 1000;
const counts = await Promise.all(
  Array.from({ length: Number(connections) }, async () => {
    using connection = await Deno.connect({ transport: "unix", path });
    const call = open(connection);
    let count = 0;
    for (; performance.now() < end; count++) await call();
    return count;
  }),
);
console.log(counts.reduce((sum, count) => sum + count, 0));
