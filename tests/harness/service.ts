// SPDX-License-Identifier: MIT
import type { DaemonContract } from "../../src/rpc/contract/daemon.ts";
import type { ParamsOf } from "../../src/rpc/contract/method.ts";
import type { ContainerState } from "../../src/rpc/contract/schemas.ts";
import type { TestDaemon } from "./daemon.ts";

/** The params of a create that are not those of {@linkcode createService}'s own. */
type MoreParams = Omit<ParamsOf<DaemonContract, "container.create">, "id" | "spec" | "log">;

/**
 * Creates a container that runs a shell script and keeps a log. Returns the directory of the host that
 * it sees at `/mnt`, which outlives its runs.
 */
export async function createService(
  daemon: TestDaemon,
  id: string,
  script: string,
  more: MoreParams = {},
): Promise<string> {
  const mnt = `${daemon.dir}/mnt-${id}`;
  Deno.mkdirSync(mnt, { recursive: true });
  const spec = daemon.spec(["sh", "-c", script]);
  const mounts = Array.isArray(spec["mounts"]) ? spec["mounts"] : [];
  spec["mounts"] = [
    ...mounts,
    { destination: "/mnt", type: "bind", source: mnt, options: ["bind"] },
  ];
  await daemon.client.call("container.create", { id, spec, log: {}, ...more });
  return mnt;
}

/** Whether nothing of a container runs, or is about to. */
export function isOver({ status, restartingAt }: ContainerState): boolean {
  return status === "stopped" && restartingAt === undefined;
}
