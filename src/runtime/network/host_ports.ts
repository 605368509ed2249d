// SPDX-License-Identifier: MIT
import { EADDRINUSE, EADDRNOTAVAIL, EINVAL, isErrno } from "../../linux/libc/errno.ts";
import { takePort } from "../../linux/net/host_port.ts";
import type { PortMapping } from "../../network/record.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { describePort, overlap } from "./plan.ts";

/** Whose ports they are. */
interface Holder {
  readonly id: string;
  readonly ports: readonly PortMapping[];
  readonly taken: Disposable;
}

/**
 * The ports of the host that lead to containers. Each is taken as a server would take it, for
 * `portmap` asks nobody: it would take a port away from the process that has it.
 */
export class HostPorts implements Disposable {
  readonly #holders = new Map<string, Holder>();

  /**
   * Takes the ports for a container.
   *
   * @throws {FailedPreconditionError} naming the port, and who has it.
   */
  take(instance: string, id: string, ports: readonly PortMapping[]): void {
    if (ports.length === 0) return;
    using taken = new DisposableStack();
    for (const port of ports) {
      try {
        const { hostIp: address, hostPort, protocol } = port;
        taken.use(takePort({ protocol, port: hostPort, address }));
      } catch (error) {
        throw this.#refused(id, port, error);
      }
    }
    this.#holders.set(instance, { id, ports, taken: taken.move() });
  }

  #refused(id: string, port: PortMapping, error: unknown): unknown {
    const data = { id, port: port.hostPort, protocol: port.protocol };
    const refuse = (why: string) =>
      new FailedPreconditionError(`container ${id}: ${describePort(port)} of the host ${why}`, {
        cause: error,
        data,
      });
    if (isErrno(error, EADDRNOTAVAIL)) return refuse("has an address that the host does not have");
    if (isErrno(error, EINVAL)) return refuse("has no valid address");
    if (!isErrno(error, EADDRINUSE)) return error;
    const holder = this.#holders.values().find(({ ports }) =>
      ports.some((other) => overlap(port, other))
    );
    return refuse(
      holder === undefined ? "is taken by a process" : `is taken by container ${holder.id}`,
    );
  }

  /** Lets the ports of a container go. */
  release(instance: string): void {
    this.#holders.get(instance)?.taken[Symbol.dispose]();
    this.#holders.delete(instance);
  }

  [Symbol.dispose](): void {
    for (const instance of [...this.#holders.keys()]) this.release(instance);
  }
}
