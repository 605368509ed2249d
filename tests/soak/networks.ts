// SPDX-License-Identifier: MIT
import { BerthError } from "../../src/rpc/errors.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { deleteUntilGone } from "../harness/delete_until_gone.ts";
import { NetworkAudit, TestNetwork } from "../harness/network/test_network.ts";
import { killIfThere } from "../harness/processes.ts";
import { Random } from "./random.ts";

/** How many rounds {@linkcode soakNetworks} makes, and with which choices. */
export interface NetworkSoakOptions {
  readonly rounds: number;
  readonly seed: number;
  /** Is told of each round. */
  readonly say: (line: string) => void;
  /** Ends it after the round that is under way, with its reason. */
  readonly signal?: AbortSignal;
}

const VICTIMS = [[1, "daemon"], [1, "shim"], [1, "plugin"], [1, "all"]] as const;

type Victim = (typeof VICTIMS)[number][1];

/** The most milliseconds after which a victim is killed. */
const LATEST = 1_500;

/**
 * Creates and deletes containers with networks and kills, at moments that the seed gives, the daemon,
 * the shim, the plugins, or all of them. After each round nothing of a network may be left.
 *
 * @throws {Error} naming the round, and what is left.
 */
export async function soakNetworks(options: NetworkSoakOptions): Promise<void> {
  const { rounds, seed, say, signal } = options;
  const random = new Random(seed);
  await using network = await TestNetwork.make();
  await using daemon = await TestDaemon.start({
    program: network.program,
    config: `[shim]\nwarm = 1\nkeep = 1\n[network]\nsubnets = ["10.87.0.0/26", "fd87::/64"]\n`,
  });
  await create(daemon, "warm-up");
  await deleteUntilGone(daemon, "warm-up");
  const audit = await NetworkAudit.take(network, daemon);
  for (let round = 1; round <= rounds; round++) {
    signal?.throwIfAborted();
    const step = random.pick([[1, "create"], [1, "delete"]] as const);
    const victim = random.pick(VICTIMS);
    const ms = random.below(LATEST);
    const what = `round ${round}: ${victim} killed ${ms} ms into ${step}`;
    const id = `c${round}`;
    if (step === "delete") await create(daemon, id);
    const call = step === "create" ? create(daemon, id) : daemon.remove(id);
    const [outcome] = await Promise.all([
      call.then(() => "done", (error: unknown) => {
        if (error instanceof BerthError) return error.kind;
        throw error;
      }),
      wait(ms).then(() => kill(network, daemon, victim)),
    ]);
    if (victim === "daemon" || victim === "all") {
      await daemon.exited();
      await daemon.start();
    }
    await deleteUntilGone(daemon, id);
    await audit.assertClean(what);
    say(`${what}: ${outcome}`);
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function create(daemon: TestDaemon, id: string) {
  return daemon.client.call("container.create", {
    id,
    spec: daemon.spec(["sleep", "1000"]),
    network: {
      name: "bridge",
      ports: [
        { hostPort: 8080, containerPort: 80 },
        { hostPort: 5353, containerPort: 53, protocol: "udp" },
      ],
    },
  });
}

async function kill(
  network: TestNetwork,
  daemon: TestDaemon,
  victim: Victim,
): Promise<void> {
  const pids = [
    ...victim === "daemon" || victim === "all" ? [daemon.pid] : [],
    ...victim === "shim" || victim === "all" ? await network.pidsOf(/berth-shim/) : [],
    ...victim === "plugin" || victim === "all" ? await network.pidsOf(PLUGINS) : [],
  ];
  killIfThere(...pids);
}

/** Names of processes: the plugins, and what they start. */
const PLUGINS = /^(bridge|host-local|portmap|firewall|x?tables.*|ip6?tables.*)$/;
