// SPDX-License-Identifier: MIT
// The ports of the host that lead to containers.
import { EADDRINUSE, EADDRNOTAVAIL, EINVAL, isErrno } from "../../linux/libc/errno.ts";
import { takePort } from "../../linux/net/host_port.ts";
import type { PortMapping } from "../../network/record.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { describePort, overlap, shortAddress } from "./published_ports.ts";

/** A container and the ports of the host that it holds. */
interface Holder {
  readonly id: string;
  readonly ports: readonly PortMapping[];
  readonly taken: Disposable;
  /** Whether the container is gone, and only its network is left. */
  readonly isLeft?: boolean;
}

/**
 * The ports of the host that lead to containers. Each is taken as a server would take it, for
 * `portmap` does not look: it would take a port away from the process that has it.
 */
export class HostPorts implements Disposable {
  readonly #holders = new Map<string, Holder>();

  /**
   * Takes the ports for a container that is to be made: all of them, or none.
   *
   * @throws {FailedPreconditionError} naming the port, and its holder, or why it leads nowhere.
   */
  take(instance: string, id: string, ports: readonly PortMapping[]): void {
    using taken = new DisposableStack();
    for (const port of ports) {
      const holder = this.#holderOf(port);
      if (holder !== undefined) {
        const what = holder.isLeft ? "the network that is left of container" : "container";
        throw refused(id, port, `is taken by ${what} ${holder.id}`);
      }
      if (isLoopbackV6(port)) {
        throw refused(
          id,
          port,
          "leads nowhere: the kernel forwards no packet of the IPv6 loopback",
        );
      }
      taken.use(bind(id, port));
    }
    this.#holders.set(instance, { id, ports, taken: taken.move() });
  }

  /**
   * Takes the ports of a container that has them already. No other container gets one of them, also
   * where a process of the host has taken it meanwhile.
   *
   * @returns why ports could not be taken from the host, one error for each.
   */
  adopt(instance: string, id: string, ports: readonly PortMapping[]): unknown[] {
    using taken = new DisposableStack();
    const errors: unknown[] = [];
    for (const port of ports) {
      try {
        taken.use(bind(id, port));
      } catch (error) {
        errors.push(error);
      }
    }
    this.#holders.set(instance, { id, ports, taken: taken.move() });
    return errors;
  }

  #holderOf(port: PortMapping): Holder | undefined {
    return this.#holders.values().find(({ ports }) => ports.some((other) => overlap(port, other)));
  }

  /** Marks the ports as those of a container that is gone, until its network is removed. */
  leave(instance: string): void {
    const holder = this.#holders.get(instance);
    if (holder !== undefined) this.#holders.set(instance, { ...holder, isLeft: true });
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

/**
 * Checks that each port leads to an address of its family: `portmap` leaves one out that does not, and
 * nothing would answer there. Of a container whose addresses are not known nothing is said.
 *
 * @param addresses those of the container in the network that the ports lead through.
 * @throws {FailedPreconditionError} naming the port.
 */
export function requireFamilies(
  id: string,
  ports: readonly PortMapping[],
  addresses: readonly string[],
): void {
  if (addresses.length === 0) return;
  const isV6 = (address: string) => address.includes(":");
  const port = ports.find(({ hostIp }) =>
    hostIp !== undefined && addresses.every((address) => isV6(address) !== isV6(hostIp))
  );
  if (port === undefined) return;
  const family = isV6(port.hostIp ?? "") ? "IPv6" : "IPv4";
  throw refused(id, port, `leads nowhere: its network gives the container no ${family} address`);
}

/** Unlike `127.0.0.1`, for which there is `route_localnet`: Documentation/networking/ip-sysctl.rst. */
function isLoopbackV6({ hostIp }: PortMapping): boolean {
  return hostIp?.includes(":") === true && shortAddress(hostIp) === "::1";
}

/** Takes a port from the host. */
function bind(id: string, port: PortMapping): Disposable {
  try {
    const { hostIp: address, hostPort, protocol } = port;
    return takePort({ protocol, port: hostPort, address });
  } catch (error) {
    if (isErrno(error, EADDRINUSE)) throw refused(id, port, "is taken by a process", error);
    if (isErrno(error, EINVAL)) throw refused(id, port, "has no valid address", error);
    if (!isErrno(error, EADDRNOTAVAIL)) throw error;
    throw refused(id, port, "has an address that the host does not have", error);
  }
}

function refused(id: string, port: PortMapping, why: string, cause?: unknown) {
  return new FailedPreconditionError(
    `container ${id}: ${describePort(port)} of the host ${why}`,
    { cause, data: { id, port: port.hostPort, protocol: port.protocol } },
  );
}
