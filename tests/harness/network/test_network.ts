// SPDX-License-Identifier: MIT
import { existsSync } from "node:fs";
import { run } from "../command.ts";
import { findCommand } from "../../../scripts/system_packages.ts";
import { until } from "../poll.ts";
import type { TestDaemon } from "../daemon.ts";
import { baseName, program, uniqueName } from "../run.ts";
import { mountsOf, namesIn } from "../leaks/traces.ts";

/** The commands and plugins that tests of networks need, and that are missing here. */
export const MISSING_FOR_NETWORKS = [
  ...["ip", "nsenter", "iptables", "socat"].filter((command) => findCommand(command) === undefined),
  ...["bridge", "host-local", "portmap", "firewall"].map((plugin) => `/usr/lib/cni/${plugin}`)
    .filter((path) => !existsSync(path)),
];

/**
 * Registers a test that needs CNI plugins, and commands that are named; where one is not installed it
 * is ignored, with the reason.
 */
export function networkTest(
  name: string,
  fn: () => Promise<void>,
  options: { readonly ignore?: boolean; readonly needs?: readonly string[] } = {},
): void {
  const { ignore = false, needs = [] } = options;
  const missing = [
    ...MISSING_FOR_NETWORKS,
    ...needs.filter((command) => findCommand(command) === undefined),
  ];
  const reason = missing.length > 0 ? ` (not found here: ${missing.join(", ")})` : "";
  Deno.test({ name: `${name}${reason}`, ignore: ignore || missing.length > 0, fn });
}

/**
 * A host's network for tests: a network namespace in which a daemon runs, so that no rule and no
 * interface of the machine is touched, and a neighbor on a link to it. `192.0.2.1` is the host's
 * address on that link, `192.0.2.2` the neighbor's.
 */
export class TestNetwork implements AsyncDisposable {
  readonly #name = uniqueName("bn");

  private constructor() {}

  /** Makes both namespaces and the link between them. */
  static async make(): Promise<TestNetwork> {
    const network = new TestNetwork();
    await network.#makeNamespaces();
    return network;
  }

  /** Makes both namespaces anew, as they are after a start of the machine. */
  async reboot(): Promise<void> {
    await this[Symbol.asyncDispose]();
    await this.#makeNamespaces();
  }

  async #makeNamespaces(): Promise<void> {
    const host = this.#name;
    const neighbor = `${host}-n`;
    for (const name of [host, neighbor]) {
      await run(["ip", "netns", "add", name]);
      await run(["ip", "-n", name, "link", "set", "lo", "up"]);
    }
    await run([
      ...["ip", "-n", host, "link", "add", "uplink", "type", "veth"],
      ...["peer", "name", "uplink", "netns", neighbor],
    ]);
    for (const [name, last] of [[host, 1], [neighbor, 2]] as const) {
      await run(["ip", "-n", name, "addr", "add", `192.0.2.${last}/24`, "dev", "uplink"]);
      const v6 = ["addr", "add", `2001:db8::${last}/64`, "dev", "uplink", "nodad"];
      await run(["ip", "-n", name, "-6", ...v6]);
      await run(["ip", "-n", name, "link", "set", "uplink", "up"]);
    }
  }

  /** The command that runs the berth under test in the host's namespace. */
  get program(): readonly string[] {
    return [...this.hostCommand, ...program()];
  }

  /** The command that runs what follows it in the host's namespace. */
  get hostCommand(): readonly string[] {
    return ["nsenter", `--net=/run/netns/${this.#name}`];
  }

  /** Runs a command in the host's namespace; returns what it wrote, or throws what it said. */
  onHost(...argv: string[]): Promise<string> {
    return run([...this.hostCommand, ...argv]);
  }

  /** Runs a command in the neighbor's namespace. */
  onNeighbor(...argv: string[]): Promise<string> {
    return run(["nsenter", `--net=/run/netns/${this.#name}-n`, ...argv]);
  }

  /** Runs a command in the network namespace of a container's first process. */
  async inContainer(daemon: TestDaemon, id: string, ...argv: string[]): Promise<string> {
    const { pid } = await daemon.stateOf(id);
    return await this.onHost("nsenter", "-t", String(pid), "-n", ...argv);
  }

  /** Starts a command in the host's namespace. */
  spawnOnHost(...argv: string[]): Deno.ChildProcess {
    return new Deno.Command("nsenter", {
      args: [`--net=/run/netns/${this.#name}`, ...argv],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** The pids of the host's processes whose name matches. */
  async pidsOf(name: RegExp): Promise<number[]> {
    const pids = (await run(["ip", "netns", "pids", this.#name])).split("\n").filter(Boolean).map(
      Number,
    );
    return pids.filter((pid) => {
      try {
        return name.test(Deno.readTextFileSync(`/proc/${pid}/comm`).trim());
      } catch {
        // It has ended since it was listed.
        return false;
      }
    });
  }

  /** Returns the answer of an HTTP server to the host, or to the neighbor; undefined if there is none. */
  async get(url: string, from: "host" | "neighbor" = "host"): Promise<string | undefined> {
    const argv = httpGet(url);
    try {
      const answer = await (from === "host" ? this.onHost(...argv) : this.onNeighbor(...argv));
      return answer.split("\r\n\r\n")[1];
    } catch {
      // No server there, or not yet.
      return undefined;
    }
  }

  /** Waits until an HTTP server answers, and returns the answer. */
  async getUntilThere(url: string, from: "host" | "neighbor" = "host"): Promise<string> {
    return await until(`an answer from ${url}`, async () => await this.get(url, from));
  }

  /** Every interface, address, rule and chain of the host, one a line. */
  async traces(): Promise<string[]> {
    const [links, addresses, v4, v6, nft] = await Promise.all([
      this.onHost("ip", "-o", "link"),
      this.onHost("ip", "-o", "addr"),
      this.onHost("iptables-save"),
      this.onHost("ip6tables-save"),
      findCommand("nft") === undefined ? "" : this.onHost("nft", "list", "ruleset"),
    ]);
    const lines = (name: string, text: string) =>
      text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"))
        .map((line) => `${name}: ${plain(line)}`);
    return [
      ...links.split("\n").map((line) => `link: ${line.split(": ")[1] ?? ""}`),
      // The kernel gives a link its link-local address some time after it has come up.
      ...addresses.split("\n").map((line) => `address: ${line.split(/\s+/).slice(1, 4).join(" ")}`)
        .filter((line) => !line.includes(" fe80:")),
      ...lines("iptables", v4),
      ...lines("ip6tables", v6),
      ...lines("nft", nft),
    ].sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [this.#name, `${this.#name}-n`]) await run(["ip", "netns", "del", name]);
  }
}

/** Compares what is left of networks with what there was at the start. */
export class NetworkAudit {
  readonly #network: TestNetwork;
  readonly #daemon: TestDaemon;
  readonly #leases: readonly string[];
  readonly #before: readonly string[];

  private constructor(
    network: TestNetwork,
    daemon: TestDaemon,
    leases: readonly string[],
    before: readonly string[],
  ) {
    this.#network = network;
    this.#daemon = daemon;
    this.#leases = leases;
    this.#before = before;
  }

  /**
   * Takes the baseline: after a first container has come and gone, for the bridge stays.
   *
   * @param leases directories of host-local besides that of berth's own network.
   */
  static async take(
    network: TestNetwork,
    daemon: TestDaemon,
    ...leases: readonly string[]
  ): Promise<NetworkAudit> {
    return new NetworkAudit(
      network,
      daemon,
      [`${daemon.state}/network/leases`, ...leases],
      await network.traces(),
    );
  }

  /**
   * Resolves once no interface, rule, lease, namespace or record is there that was not there at the
   * start. After a while throws an `Error` that names what is left.
   */
  async assertClean(what: string, timeoutMs = 60_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const left = await this.#left();
      if (left.length === 0) return;
      if (performance.now() > deadline) {
        throw new Error(`left over after ${what}:\n  ${left.join("\n  ")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  async #left(): Promise<string[]> {
    const { state } = this.#daemon;
    const before = new Set(this.#before);
    const traces = await this.#network.traces();
    const files = [
      ...namesIn(`${state}/network/containers`).map((name) => `record: ${name}`),
      ...this.#leases.flatMap((dir) =>
        namesIn(dir).flatMap((name) => namesIn(`${dir}/${name}`).map((ip) => `${name} ${ip}`))
      ).filter((name) => !/ (lock|last_reserved_ip)/.test(name)).map((name) => `lease: ${name}`),
      ...mountsOf(baseName(this.#daemon.dir)).map((path) => `mount: ${path}`)
        .filter((path) => path.includes("/network/")),
    ];
    const gone = this.#before.filter((line) => !traces.includes(line));
    return [
      ...traces.filter((line) => !before.has(line)),
      ...gone.map((line) => `missing ${line}`),
      ...files,
    ];
  }
}

/** A command that writes what an HTTP server answers, head and body. */
export function httpGet(url: string): string[] {
  const { hostname, port, pathname } = new URL(url);
  const address = hostname.replace(/^\[|\]$/g, "");
  const script = `exec 3<>/dev/tcp/${address}/${port}; ` +
    `printf 'GET ${pathname} HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3`;
  return ["timeout", "5", "bash", "-c", script];
}

/** The command of a container that serves a text over HTTP on port 8000. */
export function httpServer(text: string): string[] {
  const script = `echo -n ${text} > /tmp/index.html; exec httpd -f -p 8000 -h /tmp`;
  return ["sh", "-c", script];
}

/** The addresses that are taken in the network that berth brings. */
export function takenAddresses(daemon: TestDaemon): string[] {
  return namesIn(`${daemon.state}/network/leases/bridge`).filter((name) =>
    /^[0-9a-f]+[.:]/.test(name)
  );
}

/** A line of a rule set without its counters. */
function plain(line: string): string {
  return line.trim().replace(/\[\d+:\d+\]/g, "").replace(
    /counter packets \d+ bytes \d+/g,
    "counter",
  );
}
