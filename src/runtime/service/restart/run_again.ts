// SPDX-License-Identifier: MIT
import { failpointAsync } from "../../../failpoint.ts";
import type { BundleRecord } from "../../../oci/bundle_layout.ts";
import { NotFoundError } from "../../../rpc/errors.ts";
import type { ManagedContainer } from "../../container/managed_container.ts";
import type { ServiceContext } from "../context.ts";

/** The containers, their definitions, and how a container is made again. */
export interface RunAgainOptions extends Pick<ServiceContext, "containers" | "definitions"> {
  /** Creates the container of a record and a spec in the place of the one that has the id. */
  readonly remake: (
    record: BundleRecord,
    spec: Record<string, unknown>,
  ) => Promise<ManagedContainer>;
}

/**
 * Runs a container that is stopped, and defined, again as `instance`: removes what is left of the
 * last instance, creates the next one and starts it. A call that was interrupted, by the end of the
 * daemon say, may be repeated and goes on where it stopped. When it throws, the container is
 * stopped as before. The caller holds the lock of the id.
 *
 * @throws {BerthError} if the shim or the runtime fails.
 */
export async function runAgain(
  id: string,
  instance: string,
  options: RunAgainOptions,
): Promise<ManagedContainer> {
  const found = options.containers.get(id);
  const { isEnding, phase } = found.life;
  const isMade = found.bundle.record.instance === instance && phase !== "resting" && !isEnding;
  const container = isMade ? found : await makeAgain(found, instance, options);
  if (container.status !== "created") return container;
  try {
    await container.start();
  } catch (error) {
    // Without force a shim that is out of order would keep a container that can never run.
    await container.delete(true);
    throw error;
  }
  await failpointAsync("restart.started");
  options.definitions.setRecord(container.bundle.record);
  return container;
}

async function makeAgain(
  found: ManagedContainer,
  instance: string,
  { containers, definitions, remake }: RunAgainOptions,
): Promise<ManagedContainer> {
  await failpointAsync("restart.begin");
  // Leaves the definition, so that the container is there all the time.
  if (found.life.phase !== "resting") await removeInstance(found);
  await failpointAsync("restart.rested");
  const { record, spec, service } = definitions.read(found.id);
  const { next, progress: { count }, unstarted } = service;
  const { exit } = containers.get(found.id).processes;
  const made = await remake({
    ...record,
    // Only the first run is restored from the checkpoint.
    checkpoint: undefined,
    // Another one where the planned one has been created and has ended meanwhile.
    instance: next?.instance ?? instance,
    replaces: unstarted ?? record.instance,
    lastExit: exit,
    restartCount: count === 0 ? undefined : count,
  }, spec);
  await failpointAsync("restart.made");
  return made;
}

async function removeInstance(found: ManagedContainer): Promise<void> {
  try {
    await found.delete(false);
  } catch (error) {
    // An instance whose create failed is gone by itself.
    if (!(error instanceof NotFoundError)) throw error;
  }
}
