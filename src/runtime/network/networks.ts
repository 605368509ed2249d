// SPDX-License-Identifier: MIT
import { backoff } from "../../linux/event_loop/backoff.ts";
import { isExhausted } from "../../linux/libc/errno.ts";
import { isNetworkFailure } from "../../network/plugin_errors.ts";
import type { PluginHost } from "../../network/plugin.ts";
import { type NetworkRecord, newRecord, readRecord } from "../../network/record.ts";
import { setUp } from "../../network/set_up.ts";
import { tearDown } from "../../network/tear_down.ts";
import type { Spawn } from "../../oci/driver/spawn.ts";
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { NetworkParams, NetworkState } from "../../rpc/contract/schemas/network.ts";
import { messageOf } from "../../error_text.ts";
import { BerthError, NetworkError, ResourceExhaustedError } from "../../rpc/errors.ts";
import type { Config } from "../config/config.ts";
import { exhaustedOr } from "../util/exhausted_or.ts";
import { logFailure, logFailuresOnce } from "../util/log_failure.ts";
import { addressesOf, describeNetwork } from "./addresses.ts";
import { Conflists } from "./conflists.ts";
import { HostPorts, requireFamilies } from "./host_ports.ts";
import { LastAddresses } from "./last_addresses.ts";
import { listNetworks } from "./list_networks.ts";
import { writeNameFiles } from "./name_files.ts";
import { type NetworkPlan, planNetwork, type PlanTarget, preferAddresses } from "./plan.ts";
import { type NetworkOwner, NetworkRecords } from "./records.ts";

/** The daemon's config, its way to start plugins, and its end. */
export interface NetworksOptions {
  readonly config: Config;
  readonly spawn: Spawn;
  /** Aborted when the daemon stops. */
  readonly stopping: AbortSignal;
}

/**
 * The networks of the containers of one state directory. Each container's network has a directory
 * below `<state>/network/containers`, named after the instance: its record and its pinned namespace.
 * It is no part of the bundle, so that nothing that removes a bundle can lose it.
 */
export class ContainerNetworks implements Disposable {
  readonly #options: NetworksOptions;
  readonly #ports = new HostPorts();
  readonly #conflists: Conflists;
  readonly #records: NetworkRecords;
  readonly #lastAddresses: LastAddresses;

  constructor(options: NetworksOptions) {
    this.#options = options;
    const dir = `${options.config.state}/network`;
    this.#conflists = new Conflists(options.config);
    this.#records = new NetworkRecords(`${dir}/containers`, this.#conflists);
    this.#lastAddresses = new LastAddresses(`${dir}/addresses.json`);
  }

  get #host(): PluginHost {
    const { config: { network }, spawn } = this.#options;
    return { spawn, dirs: network.plugin_dirs, timeoutMs: network.timeout * 1000 };
  }

  /** Path of the network namespace that the container of this instance has, or will have. */
  namespaceOf(instance: string): string {
    return this.#records.paths(instance).namespace;
  }

  /**
   * Returns the network that the params ask for; nothing is touched.
   *
   * @throws {InvalidParamsError} naming each value that does not fit.
   * @throws {NotFoundError} if there is no such network.
   * @throws {FailedPreconditionError} if a plugin is not installed.
   */
  plan(params: NetworkParams, target: PlanTarget): NetworkPlan {
    const { id } = target;
    const find = (name: string, ports: boolean) => this.#conflists.find(name, ports, id);
    const plan = planNetwork(params, { ...target, find });
    for (const { conflist } of plan.attachments) this.#conflists.requirePlugins(conflist, id);
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

  /**
   * Makes a planned network. After a failure {@linkcode remove} removes the part that was made.
   *
   * @throws {FailedPreconditionError} if a port of the host is taken or leads nowhere, or a file of the
   *   caller's is unusable.
   * @throws {NetworkError} if a plugin fails.
   * @throws {ResourceExhaustedError} if a network has no free address, or the disk is full.
   * @throws {DeadlineExceededError} if a plugin does not end.
   */
  async setUp(plan: NetworkPlan): Promise<void> {
    const { id, instance, ports } = plan;
    this.#ports.take(instance, id, ports);
    const record = await this.#setUpPlan(plan);
    // Ports lead through the first network.
    requireFamilies(
      id,
      ports,
      addressesOf({ ...record, attachments: record.attachments.slice(0, 1) }),
    );
    writeNameFiles(plan, record);
    this.#records.add(record);
  }

  async #setUpPlan({ id, instance, attachments, ports, otherwise }: NetworkPlan) {
    const planned = newRecord({ id, instance }, attachments, ports);
    const paths = this.#records.paths(instance);
    try {
      return await setUp(this.#host, paths, planned);
    } catch (error) {
      if (otherwise === undefined || !isNetworkFailure(error)) {
        throw exhaustedOr(error, "cannot make its network", id);
      }
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
   * @throws {BerthError} as {@linkcode setUp}, {@linkcode NetworkError} for any other obstacle.
   * @throws {ResourceExhaustedError} if the disk is full. After any error the removal can be
   *   tried again.
   */
  async remove(owner: NetworkOwner): Promise<void> {
    const { instance, id = instance } = owner;
    try {
      const record = this.#records.read(owner);
      // First: the record of a removal that was interrupted does not tell them any more.
      this.#lastAddresses.keep(owner, record);
      await tearDown(this.#host, this.#records.paths(instance), record);
    } catch (error) {
      if (error instanceof BerthError) throw error;
      const Failure = isExhausted(error) ? ResourceExhaustedError : NetworkError;
      throw new Failure(
        `container ${id}: its network cannot be removed yet: ${messageOf(error)}`,
        { cause: error, data: { id } },
      );
    }
    this.#records.delete(instance);
    this.#ports.release(instance);
  }

  /** Keeps the addresses of a stopped container under its new id. */
  renameAddresses(from: string, to: string): void {
    this.#lastAddresses.rename(from, to);
  }

  /**
   * Returns the instance of a container by the record of its network; undefined if there is none. A
   * network that is being removed may be left of an earlier container of the id.
   */
  instanceOf(id: string): string | undefined {
    const records = this.#records.instances().map((instance) => this.#records.peek(instance));
    const found = records.filter((record) => record?.id === id);
    return (found.find((record) => record?.removing === undefined) ?? found[0])?.instance;
  }

  /** Returns the network of an instance as it is; undefined if it has none. */
  state(instance: string): NetworkState | undefined {
    const record = this.#records.get(instance);
    return record === undefined ? undefined : describeNetwork(record, this.namespaceOf(instance));
  }

  /**
   * Takes over the networks that were left by the daemon before: those of containers that are there,
   * with their ports. The others are removed in the background.
   *
   * @param owners the containers that there are.
   * @param ownerOf returns the container of an instance, or what may be one; its id is not known where
   *   the network's record cannot be read.
   */
  adopt(
    owners: Iterable<NetworkOwner>,
    ownerOf: (ref: Pick<NetworkOwner, "id" | "instance">) => NetworkOwner | undefined,
  ): void {
    this.#records.findLost(owners);
    const left: { readonly instance: string; readonly record: NetworkRecord | undefined }[] = [];
    for (const instance of this.#records.instances()) {
      const found = this.#records.peek(instance);
      const owner = ownerOf({ id: found?.id, instance });
      const record = owner === undefined ? undefined : this.#records.read(owner);
      if (record === undefined) {
        left.push({ instance, record: found });
        continue;
      }
      this.#records.add(record);
      this.#adoptPorts(record);
    }
    // After those of containers that are there. Their rules still lead to these ports.
    for (const { instance, record } of left) {
      if (record !== undefined) this.#adoptPorts(record);
      this.removeInBackground({ instance });
    }
  }

  #adoptPorts({ id, instance, ports }: NetworkRecord): void {
    // While no daemon ran another process took it; the container has it all the same.
    for (const error of this.#ports.adopt(instance, id, ports)) {
      logFailure("error", "network", "{id}: {reason}", error, { id });
    }
  }

  /**
   * Removes the network of a container that is gone, with retries until it is gone too. The owner has
   * no id: another container may have that by now, with addresses of its own to be kept.
   */
  removeInBackground(owner: Omit<NetworkOwner, "id">): void {
    this.#ports.leave(owner.instance);
    void this.#removeUntilGone(owner);
  }

  async #removeUntilGone(owner: NetworkOwner): Promise<void> {
    const log = logFailuresOnce();
    for (const delay of backoff({ first: 100, most: 10_000 })) {
      try {
        await this.remove(owner);
        return;
      } catch (error) {
        log(
          "error",
          "network",
          "cannot remove the network of instance {instance}, will retry: {reason}",
          error,
          { instance: owner.instance },
        );
      }
      if (!await delay(this.#options.stopping)) return;
    }
  }

  /** Returns the networks that containers can be attached to, ordered by name, with their containers. */
  list(): ResultOf<DaemonContract, "network.list"> {
    const unusable = this.#conflists.unusable();
    const networks = listNetworks(this.#records, this.#conflists);
    return { networks, ...(unusable.length > 0 && { unusable }) };
  }

  /** Releases the ports. The networks remain. */
  [Symbol.dispose](): void {
    this.#ports[Symbol.dispose]();
  }
}
