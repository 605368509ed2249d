// SPDX-License-Identifier: MIT
import { run } from "../../tests/harness/command.ts";
import type { Conflist } from "../../src/network/conflist.ts";
import { rootfsDir } from "../../tests/harness/rootfs.ts";
import { findCommand } from "../system_packages.ts";

/** The parts of a {@linkcode Podman}. */
export interface PodmanOptions {
  /** For its storage, config and networks. */
  readonly dir: string;
  /** The runc that it runs. */
  readonly runc: string;
  /** Starts a command in the network namespace that stands for the host's. */
  readonly onHost: readonly string[];
  /** Directory of the plugins' programs. */
  readonly plugins: string;
  /** The network of its containers. */
  readonly conflist: Conflist;
}

/** podman with its networks by CNI, driven by its command. */
export class Podman {
  readonly name = "bare";
  readonly version: string;
  readonly #command: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #network: string;

  private constructor(podman: string, version: string, { dir, onHost, conflist }: PodmanOptions) {
    this.version = version;
    this.#network = conflist.name;
    this.#env = { CONTAINERS_CONF: `${dir}/containers.conf` };
    const storage = ["--root", `${dir}/storage`, "--runroot", `${dir}/run`];
    this.#command = [...onHost, podman, ...storage];
  }

  /** Uses the podman in PATH; undefined where there is none that can be used here, with CNI. */
  static async find(options: PodmanOptions): Promise<Podman | undefined> {
    const podman = findCommand("podman");
    if (podman === undefined) return undefined;
    const { dir, runc, plugins, conflist } = options;
    Deno.mkdirSync(`${dir}/net.d`, { recursive: true });
    Deno.writeTextFileSync(`${dir}/net.d/${conflist.name}.conflist`, JSON.stringify(conflist));
    Deno.writeTextFileSync(
      `${dir}/containers.conf`,
      `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[network]
network_backend = "cni"
network_config_dir = ${JSON.stringify(`${dir}/net.d`)}
cni_plugin_dirs = [${JSON.stringify(plugins)}]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "runc"
[engine.runtimes]
runc = [${JSON.stringify(runc)}]
`,
    );
    const version = (await run([podman, "--version"])).trim().replace("version ", "");
    const found = new Podman(podman, version, options);
    try {
      await found.life();
      return found;
    } catch (error) {
      console.error(`podman cannot be measured: ${error}`);
      return undefined;
    }
  }

  /** Runs a container to its end. */
  async life(): Promise<void> {
    const [command = "", ...args] = this.#command;
    const run = ["run", "--rm", "--network", this.#network, "--rootfs", `${rootfsDir()}:O`, "true"];
    const { success, stderr } = await new Deno.Command(command, {
      args: [...args, ...run],
      env: { ...this.#env },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }
}
