// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { EADDRINUSE, EADDRNOTAVAIL, EINVAL, isErrno } from "../libc/errno.ts";
import { freePort } from "../../../tests/harness/free_port.ts";
import { takePort } from "./host_port.ts";

const inUse = (error: unknown) => isErrno(error, EADDRINUSE);

Deno.test("takePort: nobody else can have it, neither by takePort nor as a server, until it is let go", () => {
  for (const protocol of ["tcp", "udp"] as const) {
    const port = freePort();
    {
      using _taken = takePort({ protocol, port });
      assert.throws(() => takePort({ protocol, port }), inUse);
      assert.throws(() => takePort({ protocol, port, address: "127.0.0.1" }), inUse);
      if (protocol === "tcp") {
        assert.throws(() => Deno.listen({ hostname: "127.0.0.1", port }), Deno.errors.AddrInUse);
      }
      using _other = takePort({ protocol: protocol === "tcp" ? "udp" : "tcp", port });
    }
    using _again = takePort({ protocol, port });
  }
});

Deno.test("takePort: a server's port is refused, and free when the server is gone", () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  assert.throws(() => takePort({ protocol: "tcp", port }), inUse);
  assert.throws(() => takePort({ protocol: "tcp", port, address: "127.0.0.1" }), inUse);
  using _beside = takePort({ protocol: "tcp", port, address: "127.0.0.2" });
  listener.close();
  using _taken = takePort({ protocol: "tcp", port, address: "127.0.0.1" });
});

Deno.test("takePort: connections that have ended are no reason to refuse a port", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const client = await Deno.connect({ hostname: "127.0.0.1", port });
  const server = await listener.accept();
  // The end that closes first is in TIME_WAIT.
  server.close();
  await client.read(new Uint8Array(1));
  client.close();
  listener.close();
  using _taken = takePort({ protocol: "tcp", port });
});

Deno.test("takePort: an address that is not the host's, and what is no address", () => {
  assert.throws(
    () => takePort({ protocol: "tcp", port: 80, address: "192.0.2.1" }),
    (error) => isErrno(error, EADDRNOTAVAIL),
  );
  assert.throws(
    () => takePort({ protocol: "tcp", port: 80, address: "1.2.3" }),
    (error) => isErrno(error, EINVAL),
  );
});
