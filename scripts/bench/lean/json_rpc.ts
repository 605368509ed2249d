// SPDX-License-Identifier: MIT

const REQUEST = new TextEncoder().encode(
  '{"jsonrpc":"2.0","id":1,"method":"daemon.info","params":{}}\n',
);
const NEWLINE = 10;

/** Calls berth's `daemon.info`. */
export function jsonRpc(connection: Deno.Conn): () => Promise<void> {
  const answer = new Uint8Array(65_536);
  return async () => {
    await connection.write(REQUEST);
    let read: number | null;
    do {
      read = await connection.read(answer);
      if (read === null) throw new Error("the daemon closed the connection");
    } while (answer[read - 1] !== NEWLINE);
  };
}
