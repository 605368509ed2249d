// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { exists } from "../../linux/fs/exists.ts";
import { BRIDGE_NETWORK, bridgeConflist } from "../../network/bridge.ts";
import type { Conflist } from "../../network/conflist.ts";
import { programsOf, readConflistDir } from "../../network/conflist.ts";
import { isNetworkFailure, PLUGINS_PACKAGE } from "../../network/errors.ts";
import { setHosts } from "../../network/hosts_file.ts";
import type { PluginHost } from "../../network/plugin.ts";
import { findPlugin } from "../../network/plugin.ts";
import type { NetworkPaths, NetworkRecord } from "../../network/record.ts";
import {
  isUncertain,
  networkPaths,
  newRecord,
  readRecord,
  resultOf,
} from "../../network/record.ts";
import { readResult } from "../../network/result.ts";
import { setUp } from "../../network/set_up.ts";
import { tearDown } from "../../network/tear_down.ts";
import type { Spawn } from "../../oci/driver/spawn.ts";
import { messageOf } from "../../rpc/error_text.ts";
import {
  BerthError,
  FailedPreconditionError,
  NetworkError,
  NotFoundError,
} from "../../rpc/errors.ts";
import { networkParams } from "../../rpc/contract/network/schemas.ts";
import type {
  NetworkInfo,
  NetworkParams,
  NetworkState,
} from "../../rpc/contract/network/schemas.ts";
import type { Config } from "../config/config.ts";
import { backoff } from "../../linux/event_loop/backoff.ts";
import { HostPorts } from "./host_ports.ts";
import type { NetworkAddresses } from "./last_addresses.ts";
import { LastAddresses } from "./last_addresses.ts";
import { recordOfLost } from "./lost_record.ts";
import type { NetworkPlan } from "./plan.ts";
import { planNetwork, preferAddresses } from "./plan.ts";

/** What {@linkcode Networks} needs. */
export interface NetworksOptions {
  readonly config: Config;
  readonly spawn: Spawn;
  /** Aborted when the daemon stops. */
  readonly stopping: AbortSignal;
}

/** Whose network is to be planned. */
export interface PlanTarget {
  readonly id: string;
  readonly instance: string;
  /** The host name of the spec. */
  readonly hostname: string;
}

/** Whose network is removed. */
export interface NetworkOwner {
  readonly instance: string;
  /** The container's id; undefined if it is not known. */
  readonly id?: string | undefined;
  /** The params of its network, for when the record cannot be read. */
  readonly network?: unknown;
  /** Whether it may be run again, and then gets the addresses that it has. */
  readonly again?: boolean;
}

/**
 * The networks of the containers of one state directory. Each container's network has a directory
 * below `<state>/network/containers`, named after the instance: its record and its pinned namespace.
 * It is no part of the bundle, so that nothing that removes a bundle can lose it.
 */
export class Networks implements Disposable {
  readonly #options: NetworksOptions;
  readonly #ports = new HostPorts();
  /** The networks that are there, by the container's instance. */
  readonly #records = new Map<string, NetworkRecord>();
  readonly #lastAddresses: LastAddresses;

  constructor(options: NetworksOptions) {
    this.#options = options;
    this.#lastAddresses = new LastAddresses(`${options.config.state}/network/addresses.json`);
  }

  get #dir(): string {
    return `${this.#options.config.state}/network/containers`;
  }

  get #host(): PluginHost {
    const { config: { network }, spawn } = this.#options;
    return { spawn, dirs: network.plugin_dirs, timeoutMs: network.timeout * 1000 };
  }

  #paths(instance: string): NetworkPaths {
    return networkPaths(`${this.#dir}/${instance}`);
  }

  /** Path of the network namespace that the container of this instance has, or will have. */
  namespaceOf(instance: string): string {
    return this.#paths(instance).namespace;
  }

  /**
   * Returns the network that the params ask for; nothing is touched.
   *
   * @throws {InvalidParamsError} naming each value that does not fit.
   * @throws {NotFoundError} if there is no such network.
   * @throws {FailedPreconditionError} if a plugin is not installed.
   */
  plan(params: NetworkParams, target: PlanTarget): NetworkPlan {
    const plan = planNetwork(params, {
      ...target,
      find: (name, ports) => this.#find(name, ports, target.id),
    });
    for (const { conflist } of plan.attachments) {
      const [plugin, ...more] = this.#missing(conflist);
      if (plugin === undefined) continue;
      throw new FailedPreconditionError(
        `cannot create container ${target.id}: network ${conflist.name}: ` +
          this.#describeMissing([plugin, ...more]),
        { data: { id: target.id, network: conflist.name, plugin } },
      );
    }
    return plan;
  }

  /**
   * As {@linkcode plan}, for a container that is run again: it gets the addresses it had if they
   * are free.
   */
  planAgain(params: NetworkParams, target: PlanTarget): NetworkPlan {
    const plan = this.plan(params, target);
    const addresses = this.#lastAddresses.get(target.id);
    return addresses === undefined ? plan : preferAddresses(plan, addresses);
  }

  #find(name: string, ports: boolean, id: string): Conflist {
    if (name === BRIDGE_NETWORK) return this.#bridge(ports);
    const { config_dir } = this.#options.config.network;
    const { networks, refused } = readConflistDir(config_dir);
    const found = networks.get(name);
    if (found !== undefined) return found.conflist;
    const unusable = [...refused].map(([file, why]) => `; ${file} cannot be used: ${why}`);
    throw new NotFoundError(
      `cannot create container ${id}: no network ${name} in ${config_dir}${unusable.join("")}`,
      { data: { id, network: name } },
    );
  }

  /** Returns the network that berth brings. */
  #bridge(ports: boolean): Conflist {
    const { config: { network, state } } = this.#options;
    return bridgeConflist({
      bridge: network.bridge,
      subnets: network.subnets,
      leases: `${state}/network/leases`,
      ports,
      has: (plugin) => findPlugin(plugin, network.plugin_dirs) !== undefined,
      ipv6: exists("/proc/net/if_inet6"),
    });
  }

  #missing(conflist: Conflist): string[] {
    const { plugin_dirs } = this.#options.config.network;
    return programsOf(conflist).filter((name) => findPlugin(name, plugin_dirs) === undefined);
  }

  #describeMissing(plugins: readonly string[]): string {
    const dirs = this.#options.config.network.plugin_dirs.join(", ");
    const what = plugins.length === 1 ? "the plugin" : "the plugins";
    return `${what} ${plugins.join(", ")} ${
      plugins.length === 1 ? "is" : "are"
    } not in ${dirs}: install ${PLUGINS_PACKAGE}`;
  }

  /**
   * Makes a planned network. What there is of it when this fails, {@linkcode remove} removes.
   *
   * @throws {FailedPreconditionError} if a port of the host is taken, or the hosts file is unusable.
   * @throws {NetworkError} if a plugin fails.
   * @throws {ResourceExhaustedError} if a network has no free address.
   * @throws {DeadlineExceededError} if a plugin does not end.
   */
  async setUp(plan: NetworkPlan): Promise<void> {
    const { id, instance, ports, hosts } = plan;
    this.#ports.take(instance, id, ports);
    const record = await this.#setUpPlan(plan);
    if (hosts !== undefined) addHosts(id, hosts, record);
    this.#records.set(instance, record);
  }

  async #setUpPlan({ id, instance, attachments, ports, otherwise }: NetworkPlan) {
    const planned = newRecord({ id, instance }, attachments, ports);
    const paths = this.#paths(instance);
    try {
      return await setUp(this.#host, paths, planned);
    } catch (error) {
      if (otherwise === undefined || !isNetworkFailure(error)) throw error;
      // Another container may have its addresses by now.
      await tearDown(this.#host, paths, readRecord(paths));
      return await setUp(
        this.#host,
        paths,
        newRecord({ id, instance }, otherwise.attachments, ports),
      );
    }
  }

  /**
   * Removes the network of an instance, if there is anything of one, however it was left.
   *
   * @throws {BerthError} as {@linkcode setUp}, {@linkcode NetworkError} for what else is in the way;
   *   it may be tried again.
   */
  async remove(owner: NetworkOwner): Promise<void> {
    const { instance, id = instance } = owner;
    try {
      const record = this.#read(owner);
      // First: the record of a removal that was interrupted does not tell them any more.
      this.#keepAddresses(owner, record);
      await tearDown(this.#host, this.#paths(instance), record);
    } catch (error) {
      if (error instanceof BerthError) throw error;
      throw new NetworkError(
        `container ${id}: its network cannot be removed yet: ${messageOf(error)}`,
        { cause: error, data: { id } },
      );
    }
    this.#records.delete(instance);
    this.#ports.release(instance);
  }

  /**
   * Keeps the addresses of a container that may be run again, and forgets those of another. That they
   * cannot be written does not keep the network: the container may get others.
   */
  #keepAddresses(owner: NetworkOwner, record: NetworkRecord | undefined): void {
    const { instance, id = instance } = owner;
    try {
      if (owner.again !== true) this.#lastAddresses.delete(id);
      else if (record !== undefined && isMade(record)) {
        this.#lastAddresses.set(id, addressesByNetwork(record));
      }
    } catch (error) {
      this.#log("{id}: cannot write which addresses it had: {reason}", {
        id,
        reason: messageOf(error),
        error,
      });
    }
  }

  /** Reads a record; of one that cannot be read, what is known without it. */
  #read(owner: NetworkOwner): NetworkRecord | undefined {
    const { instance, id = instance } = owner;
    try {
      return readRecord(this.#paths(instance));
    } catch (error) {
      this.#log(
        "{id}: cannot read the record of its network, going by what else is known: {reason}",
        {
          id,
          reason: messageOf(error),
          error,
        },
      );
    }
    return recordOfLost({
      id,
      instance,
      namespace: this.namespaceOf(instance),
      plan: this.#planOf(owner),
      networks: [...this.#known().values()].map(({ conflist }) => conflist),
    });
  }

  /** Returns the network that a container was to get, as far as that can still be told. */
  #planOf({ instance, id = instance, network }: NetworkOwner): NetworkPlan | undefined {
    if (network === undefined) return undefined;
    try {
      return planNetwork(networkParams.parse(network), {
        id,
        instance,
        hostname: id,
        find: (name, ports) => this.#find(name, ports, id),
      });
    } catch (error) {
      this.#log("{id}: cannot tell its network from its parameters: {reason}", {
        id,
        reason: messageOf(error),
        error,
      });
      return undefined;
    }
  }

  /** Returns the network of an instance as it is; undefined if it has none. */
  state(instance: string): NetworkState | undefined {
    const record = this.#records.get(instance);
    if (record === undefined) return undefined;
    return {
      namespace: this.namespaceOf(instance),
      interfaces: record.attachments.map((attachment) => {
        const { mac, addresses, gateways } = readResult(resultOf(attachment), attachment.ifname);
        return {
          network: attachment.conflist.name,
          interface: attachment.ifname,
          ...(mac === undefined ? {} : { mac }),
          addresses: [...addresses],
          gateways: [...gateways],
        };
      }),
      ports: record.ports.map((port) => ({ ...port })),
    };
  }

  /**
   * Takes over the networks that were left by the daemon before: those of containers that are there,
   * with their ports. The others are removed in the background.
   *
   * @param ownerOf returns the container of an instance, or what may be one; its id is not known where
   *   the network's record cannot be read.
   */
  adopt(
    ownerOf: (ref: Pick<NetworkOwner, "id" | "instance">) => NetworkOwner | undefined,
  ): void {
    for (const instance of this.#left()) {
      const id = this.#idOf(instance);
      const owner = ownerOf({ id, instance });
      const record = owner === undefined ? undefined : this.#read(owner);
      if (owner === undefined || record === undefined) {
        void this.#removeUntilGone({ id, instance });
      } else this.#adoptOne(record);
    }
  }

  #idOf(instance: string): string | undefined {
    try {
      return readRecord(this.#paths(instance))?.id;
    } catch {
      // It is told where it is read for what it says.
      return undefined;
    }
  }

  #left(): string[] {
    try {
      return [...Deno.readDirSync(this.#dir)].map(({ name }) => name);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  #adoptOne(record: NetworkRecord): void {
    const { id, instance, ports } = record;
    this.#records.set(instance, record);
    // While no daemon ran another process took it; the container has it all the same.
    for (const error of this.#ports.adopt(instance, id, ports)) {
      this.#log("{id}: {reason}", { id, reason: messageOf(error), error });
    }
  }

  /** Removes the network of a container whose bundle is gone. */
  async #removeUntilGone(owner: NetworkOwner): Promise<void> {
    for (const delay of backoff({ first: 100, most: 10_000 })) {
      try {
        await this.remove(owner);
        return;
      } catch (error) {
        this.#log("cannot remove the network of instance {instance}, trying again: {reason}", {
          instance: owner.instance,
          reason: messageOf(error),
          error,
        });
      }
      if (!await delay(this.#options.stopping)) return;
    }
  }

  #log(message: string, properties: Record<string, unknown>): void {
    getLogger(["berth", "network"]).error(message, properties);
  }

  /**
   * Returns the networks that containers can be attached to, ordered by name, with their containers.
   */
  list(): NetworkInfo[] {
    return [...this.#known()].sort(([a], [b]) => a < b ? -1 : 1).map(
      ([name, { conflist, file }]) => {
        const missing = this.#missing(conflist);
        return {
          name,
          ...(file === undefined ? {} : { file }),
          plugins: conflist.plugins.map(({ type }) => type),
          missing,
          ...(missing.length === 0 ? {} : { reason: this.#describeMissing(missing) }),
          containers: this.#membersOf(name),
        };
      },
    );
  }

  /** The networks by name: berth's own, those of the directory, and those that containers brought. */
  #known(): Map<string, { readonly conflist: Conflist; readonly file?: string }> {
    const { networks } = readConflistDir(this.#options.config.network.config_dir);
    const known = new Map<string, { conflist: Conflist; file?: string }>(networks);
    for (const { attachments } of this.#records.values()) {
      for (const { conflist } of attachments) {
        if (!known.has(conflist.name)) known.set(conflist.name, { conflist });
      }
    }
    known.set(BRIDGE_NETWORK, { conflist: this.#bridge(true) });
    return known;
  }

  #membersOf(network: string): NetworkInfo["containers"] {
    const members = [...this.#records.values()].flatMap(({ id, instance }) =>
      (this.state(instance)?.interfaces ?? [])
        .filter((one) => one.network === network)
        .map(({ interface: name, addresses }) => ({ id, interface: name, addresses }))
    );
    return members.sort((a, b) => a.id < b.id ? -1 : 1);
  }

  /** Releases the ports. The networks remain. */
  [Symbol.dispose](): void {
    this.#ports[Symbol.dispose]();
  }
}

function addHosts(
  id: string,
  { path, names }: NonNullable<NetworkPlan["hosts"]>,
  record: NetworkRecord,
): void {
  try {
    setHosts(path, names, addressesOf(record));
  } catch (error) {
    throw new FailedPreconditionError(
      `container ${id}: cannot write its addresses into the hosts file: ${messageOf(error)}`,
      { cause: error, data: { id } },
    );
  }
}

/** Returns whether every plugin has ended that a network needs, and none has removed anything. */
function isMade(record: NetworkRecord): boolean {
  return !isUncertain(record) &&
    record.attachments.every(({ conflist, steps }) => steps.length === conflist.plugins.length);
}

function addressesByNetwork({ attachments }: NetworkRecord): NetworkAddresses {
  return new Map(attachments.map((attachment) => [
    attachment.conflist.name,
    readResult(resultOf(attachment), attachment.ifname).addresses
      .map((address) => address.split("/", 1)[0] ?? ""),
  ]));
}

function addressesOf(record: NetworkRecord): string[] {
  return record.attachments.flatMap((attachment) =>
    readResult(resultOf(attachment), attachment.ifname).addresses
  );
}
