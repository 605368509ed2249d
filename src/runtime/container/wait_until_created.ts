// SPDX-License-Identifier: MIT
import { DeadlineExceededError } from "../../rpc/errors.ts";
import type { ShimState } from "../../rpc/contract/shim.ts";
import { backoff } from "../util/backoff.ts";
import type { ContainerParts } from "./parts.ts";
import { reapOrphanedCreate } from "./orphaned_create.ts";
import type { ShimClient } from "../shims/shim_client.ts";

/**
 * The shim's state once it is not creating the container any more. The runtime has `boundMs`
 * milliseconds for that; then it is killed.
 *
 * @throws {DeadlineExceededError} if the create does not end even so, or the shim is wedged.
 * @throws {UnavailableError} if the shim is gone, or nobody wants to wait for it any more.
 */
export async function waitUntilCreated(
  { bundle, context, connection }: ContainerParts,
  client: ShimClient,
  boundMs: number,
): Promise<ShimState> {
  const { signal } = connection;
  const { answer } = context.timeouts;
  const begun = performance.now();
  let ended = false;
  for (const delay of backoff({ first: 10, most: 200 })) {
    const now = await client.call("shim.state", {}, { signal });
    if (now.status !== "creating") return now;
    const waited = performance.now() - begun;
    if (waited >= boundMs && !ended) await reapOrphanedCreate(bundle, 0);
    ended ||= waited >= boundMs;
    if (waited >= boundMs + answer || !await delay(signal)) break;
  }
  throw new DeadlineExceededError(`container ${bundle.id}: its create does not end`, {
    data: { id: bundle.id },
  });
}
