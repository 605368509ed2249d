// SPDX-License-Identifier: MIT
//
// Calls berth as cheaply as may be: lean_client.ts SOCKET CONNECTIONS SECONDS. Each connection has
// one call of daemon.info at a time; answers are read to their newline and not looked at. Prints how
// many calls were answered.

const REQUEST = new TextEncoder().encode(
  '{"jsonrpc":"2.0","id":1,"method":"daemon.info","params":{}}\n',
);
const NEWLINE = 10;

const [path = "", connections = "1", seconds = "1"] = Deno.args;
const end = performance.now() + Number(seconds) * 1000;
const counts = await Promise.all(Array.from({ length: Number(connections) }, () => callUntil(end)));
console.log(counts.reduce((sum, count) => sum + count, 0));

async function callUntil(end: number): Promise<number> {
  using connection = await Deno.connect({ transport: "unix", path });
  const answer = new Uint8Array(65_536);
  let count = 0;
  while (performance.now() < end) {
    await connection.write(REQUEST);
    let read: number | null;
    do {
      read = await connection.read(answer);
      if (read === null) throw new Error("the daemon closed the connection");
    } while (answer[read - 1] !== NEWLINE);
    count++;
  }
  return count;
}
