// SPDX-License-Identifier: MIT
import type { NetworkParams } from "../../../src/rpc/contract/schemas/network.ts";
import { COLD, TestDaemon } from "../daemon.ts";
import { FailpointFile } from "../program/failpoints.ts";
import { NetworkAudit, TestNetwork } from "./test_network.ts";

/** Config of a daemon that keeps no shim and has a network that {@linkcode createPublished} uses. */
export const AUDITED_CONFIG = `${COLD}[network]\nsubnets = ["10.87.0.0/24"]\n`;

/** Creates a container in a network; it sleeps if no other command is given. */
export function createIn(
  daemon: TestDaemon,
  id: string,
  network: NetworkParams,
  command: readonly string[] = ["sleep", "1000"],
): Promise<{ readonly pid: number }> {
  return daemon.client.call("container.create", { id, spec: daemon.spec(command), network });
}

/** Creates a container in the network `bridge` that publishes a port. */
export function createPublished(daemon: TestDaemon, id: string, hostPort = 8080) {
  return createIn(daemon, id, published(hostPort));
}

function published(hostPort: number): NetworkParams {
  return { name: "bridge", ports: [{ hostPort, containerPort: 80 }] };
}

/**
 * Returns what there is of networks once a first container of such a network has come and gone.
 *
 * @param leases directories of host-local besides that of berth's own network.
 */
export async function auditAfter(
  network: TestNetwork,
  daemon: TestDaemon,
  params: NetworkParams,
  ...leases: readonly string[]
): Promise<NetworkAudit> {
  await createIn(daemon, "warm-up", params);
  await daemon.remove("warm-up");
  return await NetworkAudit.take(network, daemon, ...leases);
}

/** A host's network, a daemon there whose failpoints can be armed, and what there was at the start. */
export interface AuditedNetwork extends AsyncDisposable {
  readonly network: TestNetwork;
  readonly points: FailpointFile;
  readonly daemon: TestDaemon;
  /** Taken after a first container has come and gone. */
  readonly audit: NetworkAudit;
}

/** Makes an {@linkcode AuditedNetwork} with {@linkcode AUDITED_CONFIG}. */
export async function auditedNetwork(): Promise<AuditedNetwork> {
  await using stack = new AsyncDisposableStack();
  const network = stack.use(await TestNetwork.make());
  const points = stack.use(new FailpointFile());
  const daemon = stack.use(
    await TestDaemon.start({ program: network.program, config: AUDITED_CONFIG, env: points.env }),
  );
  const audit = await auditAfter(network, daemon, published(8080));
  const all = stack.move();
  return { network, points, daemon, audit, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
