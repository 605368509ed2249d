// SPDX-License-Identifier: MIT
import { exists } from "../../linux/fs/exists.ts";
import { BRIDGE_NETWORK, bridgeConflist, OWN_NETWORKS } from "../../network/bridge.ts";
import type { Conflist, ConflistDir } from "../../network/conflist.ts";
import { programsOf, readConflistDir } from "../../network/conflist.ts";
import { PLUGINS_PACKAGE } from "../../network/plugin_errors.ts";
import { findPlugin } from "../../network/plugin.ts";
import { FailedPreconditionError, NotFoundError } from "../../rpc/errors.ts";
import type { Config } from "../config/config.ts";

/** A network that containers can be attached to. */
export interface KnownNetwork {
  readonly conflist: Conflist;
  /** The file that it is from; undefined for berth's own network. */
  readonly file?: string;
}

/** The networks by name: the one that berth brings, and those of the configured directory. */
export class Conflists {
  readonly #config: Config;

  constructor(config: Config) {
    this.#config = config;
  }

  /**
   * Returns the network of a name, for the container `id`.
   *
   * @param ports whether ports of the host are mapped into it.
   * @throws {NotFoundError} if there is none.
   */
  find(name: string, ports: boolean, id: string): Conflist {
    if (name === BRIDGE_NETWORK) return this.#bridge(ports);
    const { networks, refused } = this.#configured();
    const found = networks.get(name);
    if (found !== undefined) return found.conflist;
    const unusable = [...refused].map(([file, why]) => `; ${file} cannot be used: ${why}`);
    throw new NotFoundError(
      `cannot create container ${id}: no network ${name} in ${this.#config.network.config_dir}` +
        unusable.join(""),
      { data: { id, network: name } },
    );
  }

  /** Returns every network by its name, with those of `others` that are not configured (any more). */
  all(others: Iterable<Conflist>): Map<string, KnownNetwork> {
    const { networks } = this.#configured();
    const known = new Map<string, KnownNetwork>(networks);
    for (const conflist of others) {
      if (!known.has(conflist.name)) known.set(conflist.name, { conflist });
    }
    known.set(BRIDGE_NETWORK, { conflist: this.#bridge(true) });
    return known;
  }

  /** Returns the files of the configured directory that cannot be used, with the reasons. */
  unusable(): { file: string; reason: string }[] {
    const { refused } = this.#configured();
    return [...refused].map(([file, reason]) => ({ file, reason }));
  }

  #configured(): ConflistDir {
    return readConflistDir(this.#config.network.config_dir, OWN_NETWORKS);
  }

  /** Directory of the addresses of the network that berth brings, which are this daemon's alone. */
  get leases(): string {
    return `${this.#config.state}/network/leases`;
  }

  /** Returns the network that berth brings. */
  #bridge(ports: boolean): Conflist {
    const { network } = this.#config;
    return bridgeConflist({
      bridge: network.bridge,
      subnets: network.subnets,
      leases: this.leases,
      ports,
      has: (plugin) => findPlugin(plugin, network.plugin_dirs) !== undefined,
      ipv6: exists("/proc/net/if_inet6"),
    });
  }

  /**
   * Checks that the plugins of a network for the container `id` are installed.
   *
   * @throws {FailedPreconditionError} if one is not.
   */
  requirePlugins(conflist: Conflist, id: string): void {
    const [plugin, ...more] = this.missing(conflist);
    if (plugin === undefined) return;
    throw new FailedPreconditionError(
      `cannot create container ${id}: network ${conflist.name}: ` +
        this.describeMissing([plugin, ...more]),
      { data: { id, network: conflist.name, plugin } },
    );
  }

  /** Returns the plugins of a network that are not installed. */
  missing(conflist: Conflist): string[] {
    const { plugin_dirs } = this.#config.network;
    return programsOf(conflist).filter((name) => findPlugin(name, plugin_dirs) === undefined);
  }

  /** Returns a message that plugins are not installed, with the package that installs them. */
  describeMissing(plugins: readonly string[]): string {
    const dirs = this.#config.network.plugin_dirs.join(", ");
    const what = plugins.length === 1 ? "the plugin" : "the plugins";
    return `${what} ${plugins.join(", ")} ${
      plugins.length === 1 ? "is" : "are"
    } not in ${dirs}: install ${PLUGINS_PACKAGE}`;
  }
}
