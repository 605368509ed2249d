// SPDX-License-Identifier: MIT
import { fdPath, memfd, O_RDONLY, OwnedFd, write } from "../../src/linux/fd/fd.ts";
import type { Conflist } from "../../src/network/conflist.ts";
import type { AttachmentRecord } from "../../src/network/record.ts";
import { pluginConfig } from "../../src/network/set_up.ts";
import type { CniResult } from "../../src/network/result.ts";
import { isRecord } from "../../src/rpc/is_record.ts";
import type { JsonObject } from "../../tests/harness/rootfs.ts";
import { uniqueName } from "../../tests/harness/run.ts";
import type { BareRunc } from "./bare_runc.ts";
import { life } from "./engine.ts";

/** The parts of a {@linkcode BareNetwork}. */
export interface BareNetworkOptions {
  readonly runc: BareRunc;
  /** Starts a command in the network namespace that stands for the host's. */
  readonly onHost: readonly string[];
  /** Directory of the plugins' programs. */
  readonly plugins: string;
  readonly conflist: Conflist;
  /** The `runtimeConfig` of plugins, by the capability that they have for it. */
  readonly runtimeConfig?: Readonly<Record<string, unknown>>;
}

/**
 * A network as a script makes it: a namespace by `ip netns add`, the plugins of a list one after the
 * other, bare runc in it, the plugins in reverse, `ip netns del`.
 */
export class BareNetwork {
  readonly name = "bare";
  readonly #options: BareNetworkOptions;

  constructor(options: BareNetworkOptions) {
    this.#options = options;
  }

  /** Runs a container from its network's beginning to its end. `specOf` gets the namespace's path. */
  async life(id: string, specOf: (namespace: string) => JsonObject): Promise<void> {
    const { runc, conflist: { plugins }, conflist, runtimeConfig = {} } = this.#options;
    const namespace = uniqueName("bnc");
    await this.#run(["ip", "netns", "add", namespace]);
    try {
      const path = `/run/netns/${namespace}`;
      const attachment: AttachmentRecord = { conflist, ifname: "eth0", runtimeConfig, steps: [] };
      let result: CniResult | undefined;
      const call = (command: "ADD" | "DEL", plugin: typeof plugins[number]) =>
        this.#plugin(plugin.type, pluginConfig(attachment, plugin, result), {
          CNI_COMMAND: command,
          CNI_CONTAINERID: namespace,
          CNI_NETNS: path,
          CNI_IFNAME: "eth0",
        });
      try {
        for (const plugin of plugins) result = await call("ADD", plugin);
        await life(runc, id, specOf(path));
      } finally {
        for (const plugin of plugins.toReversed()) await call("DEL", plugin);
      }
    } finally {
      await this.#run(["ip", "netns", "del", namespace]);
    }
  }

  async #plugin(
    type: string,
    config: Readonly<Record<string, unknown>>,
    env: Readonly<Record<string, string>>,
  ): Promise<CniResult | undefined> {
    const { onHost, plugins } = this.#options;
    const output = await this.#run([...onHost, `${plugins}/${type}`], JSON.stringify(config), {
      PATH: Deno.env.get("PATH") ?? "",
      CNI_PATH: plugins,
      ...env,
    });
    const result: unknown = output === "" ? undefined : JSON.parse(output);
    return isRecord(result) ? result : undefined;
  }

  /** Runs a command, and returns what it wrote. */
  async #run(
    argv: readonly string[],
    input = "",
    env?: Readonly<Record<string, string>>,
  ): Promise<string> {
    using written = new OwnedFd(memfd("stdin"));
    using output = new OwnedFd(memfd("stdout"));
    const bytes = new TextEncoder().encode(input);
    if (bytes.length > 0) write(written.fd, bytes);
    // Opened anew, for an offset of its own.
    using stdin = OwnedFd.open(fdPath(written.fd), O_RDONLY);
    const child = this.#options.runc.spawn(argv, {
      stdin: stdin.fd,
      stdout: output.fd,
      stderr: output.fd,
      ...(env !== undefined && { env }),
    });
    const { status } = await child.exited;
    const text = Deno.readTextFileSync(fdPath(output.fd)).trim();
    if (status !== 0) throw new Error(`${argv.join(" ")} ended with ${status}: ${text}`);
    return text;
  }
}
