// SPDX-License-Identifier: MIT
import { BerthError, NotFoundError } from "../../src/rpc/errors.ts";
import type { TestDaemon } from "./daemon.ts";
import { until } from "./poll.ts";

/**
 * Deletes a container by force, again and again until it is gone. Returns its exit status, undefined
 * where the daemon has removed it by itself.
 */
export async function deleteUntilGone(daemon: TestDaemon, id: string): Promise<number | undefined> {
  const { exitStatus } = await until(`${id} is gone`, async () => {
    try {
      const { exitStatus } = await daemon.remove(id);
      return { exitStatus };
    } catch (error) {
      if (error instanceof NotFoundError) return { exitStatus: undefined };
      if (error instanceof BerthError) return undefined;
      throw error;
    }
  });
  return exitStatus;
}
