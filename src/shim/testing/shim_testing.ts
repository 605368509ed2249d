// SPDX-License-Identifier: MIT
import type { Peer } from "../../rpc/peer/peer.ts";
import { Server } from "../../rpc/transport/server.ts";
import type { TestArea } from "./bundle_testing.ts";

const MAIN = new URL("../main.ts", import.meta.url).pathname;

/** A shim process and the daemon's end of its control connection. */
export class TestShim implements AsyncDisposable {
  /** The daemon's end. */
  readonly control: Peer;
  readonly #process: Deno.ChildProcess;
  readonly #server: Server;

  private constructor(server: Server, process: Deno.ChildProcess, control: Peer) {
    this.#server = server;
    this.#process = process;
    this.control = control;
  }

  /** Starts one that dials a socket of this name, by a command that gets its own as arguments, if given. */
  static async start(
    area: TestArea,
    name = "shims",
    by: readonly string[] = [],
  ): Promise<TestShim> {
    const path = `${area.dir}/${name}.sock`;
    const { promise, resolve } = Promise.withResolvers<Peer>();
    const server = await Server.listen(path, {
      onError: console.error,
      handlers: {},
      onConnect: resolve,
    });
    const [command = "", ...args] = [
      ...[...by, Deno.execPath(), "run", "-A", "--no-check"],
      ...[MAIN, "serve", "--control", path],
    ];
    const process = new Deno.Command(command, {
      args,
      stdin: "null",
      stdout: "null",
    }).spawn();
    return new TestShim(server, process, await promise);
  }

  /** Pid of the shim. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Settles when it has ended. */
  get ended(): Promise<Deno.CommandStatus> {
    return this.#process.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // Ended already, as most tests want it to.
    }
    await this.#process.status;
  }
}
