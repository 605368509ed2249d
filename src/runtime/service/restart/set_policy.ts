// SPDX-License-Identifier: MIT
import type { RestartPolicy } from "../../../rpc/contract/schemas.ts";
import { FailedPreconditionError } from "../../../rpc/errors.ts";
import { defineContainer } from "../../definitions/define.ts";
import { NO_PROGRESS } from "../../definitions/service_record.ts";
import type { RestartContext } from "./restart_manager.ts";

/**
 * Changes the restart policy of a container. One that is stopped stays so.
 *
 * @throws {FailedPreconditionError} if the container is removed when it has exited.
 */
export async function setPolicy(
  id: string,
  policy: RestartPolicy,
  { checkUsable, containers, definitions, locks, restarts }: RestartContext,
): Promise<void> {
  using _lock = await locks.acquire(id);
  const container = containers.get(id);
  checkUsable(id);
  const { record } = container.bundle;
  if (record.autoRemove && policy.policy !== "no") {
    throw new FailedPreconditionError(
      `container ${id} is removed when it has exited: it cannot have a restart policy`,
      { data: { id } },
    );
  }
  const { status, processes } = container;
  defineContainer(definitions, container, {
    policy,
    ...(definitions.has(id) ? {} : {
      started: processes.startedAt !== undefined,
      progress: { ...NO_PROGRESS, count: record.restartCount ?? 0 },
      ...(status === "stopped" ? { decided: record.instance } : {}),
    }),
  });
  if (policy.policy === "no") {
    restarts.cancel(id);
    definitions.update(id, { next: undefined });
    restarts.removeUnneeded(container);
  }
}
