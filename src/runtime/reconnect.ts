// SPDX-License-Identifier: MIT
import { withTimeout } from "../linux/event_loop/with_timeout.ts";
import type { BundleRecord } from "../oci/bundle_layout.ts";
import { Bundle, removeBundleDir } from "./bundle/bundle.ts";
import { lostRecord } from "./bundle/lost_record.ts";
import { ManagedContainer } from "./container/managed_container.ts";
import type { ContainerContext } from "./container/context.ts";
import type { ContainerRegistry } from "./container_registry.ts";
import type { FdBudget } from "./fd_budget.ts";
import type { Definitions } from "./definitions/definitions.ts";
import type { RestingContainers } from "./definitions/resting.ts";
import type { Services } from "./service/services.ts";
import { resumeStop } from "./service/stop/stop.ts";
import { logFailure } from "./util/log_failure.ts";

/** How long the first answer of a restarted daemon waits for shims that are slow, in milliseconds. */
const RECONNECT_GRACE = 1_000;

/** The directory of bundles, and the daemon's parts that found containers are given to. */
export interface ReconnectOptions {
  /** The directory of the bundles. */
  readonly dir: string;
  readonly containers: ContainerRegistry;
  readonly context: ContainerContext;
  readonly definitions: Definitions;
  readonly fds: FdBudget;
  readonly resting: RestingContainers;
  /** The OCI runtime of a container of which no other is known. */
  readonly runtime: Pick<BundleRecord, "runtime" | "runtimeRoot">;
  readonly services: Services;
}

/**
 * Finds the containers of a daemon that is gone: dials the shim of every bundle, all at once, and
 * loads those that have only a definition. Waits a moment for the answers, but never for a shim that
 * gives none.
 *
 * @throws {ResourceExhaustedError} if there are too few fds for the containers.
 */
export async function reconnectContainers(options: ReconnectOptions): Promise<void> {
  const { dir, containers, context, definitions, fds, services } = options;
  const loaded: ManagedContainer[] = [];
  const unread = new Set<string>();
  const bundles = [...Deno.readDirSync(dir)].filter(({ isDirectory }) => isDirectory);
  // Before a bundle is read: for lack of fds it would be taken for a damaged one.
  fds.requireReconnect(bundles.length);
  for (const entry of bundles) {
    const container = load(`${dir}/${entry.name}`, options);
    if (container === "unreadable") unread.add(entry.name);
    else if (container !== undefined) {
      containers.add(container);
      loaded.push(container);
    }
  }
  // Before a container is reconnected, which may be its end and that of its network.
  const records = new Map(loaded.map(({ bundle: { record } }) => [record.instance, record]));
  context.networks.adopt(
    records.values(),
    ({ id, instance }) =>
      // A bundle that could not be read is left alone, and so is its network.
      records.get(instance) ??
        (unread.size > 0 && (id === undefined || unread.has(id)) ? { id, instance } : undefined),
  );
  const found = loaded.map((container) =>
    container.reconnect().then(() =>
      attempt(container.id, () => {
        resumeStop(container, context.stopping);
        services.settle(container.id);
      })
    )
  );
  for (const id of definitions.ids()) attempt(id, () => loadDefined(id, options));
  for (const id of definitions.withdrawnIds()) attempt(id, () => finishRemoval(id, options));
  // A bundle that could not be read is left alone, and so are the files of its container.
  definitions.autoRemove.removeLeft((id) => containers.find(id) !== undefined || unread.has(id));
  if (found.length === 0) return;
  await withTimeout(Promise.all(found), RECONNECT_GRACE);
}

/**
 * Loads the container of a bundle. Removes the directory of a bundle whose create or whose removal was
 * cut short, which has none; one that cannot be read is left alone.
 */
function load(dir: string, options: ReconnectOptions): ManagedContainer | "unreadable" | undefined {
  const { context } = options;
  try {
    const bundle = readBundle(dir, options);
    if (bundle === undefined) {
      removeBundleDir(dir);
      return undefined;
    }
    return new ManagedContainer(bundle, context, "connecting");
  } catch (error) {
    logFailure("error", "container", "cannot read the bundle {dir}, left alone: {reason}", error, {
      dir,
    });
    return "unreadable";
  }
}

/**
 * Reads a bundle. Where its record is damaged, what is known without it has to do: its container then
 * lives on with its shim, or is removed.
 */
function readBundle(
  dir: string,
  { context, definitions, runtime }: ReconnectOptions,
): Bundle | undefined {
  try {
    return Bundle.read(dir);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const record = lostRecord(dir, runtime, (id) => context.networks.instanceOf(id));
    const { id } = record;
    logFailure("error", "container", "{id}: its record is lost: {reason}", error, { id });
    return Bundle.of(dir, definitions.has(id) ? definitions.bundle(id).record : record);
  }
}

/** Loads a container that has only a definition, as after a reboot. */
function loadDefined(
  id: string,
  { containers, definitions, resting, services }: ReconnectOptions,
): void {
  if (containers.find(id) !== undefined) return;
  // The answer to its create was never sent, or the machine went down before it was started.
  if (!definitions.keeps(id)) return definitions.remove(id);
  containers.add(resting.load(id));
  services.settle(id);
}

/** Finishes the removal of a container that an earlier daemon has begun. */
function finishRemoval(
  id: string,
  { containers, definitions, resting, services }: ReconnectOptions,
): void {
  // With a bundle it is a container like any other that nothing restarts.
  if (containers.find(id) !== undefined) return definitions.remove(id);
  containers.add(resting.load(id));
  services.delete({ id }).catch((error) => logTrouble(id, error));
}

/** Runs `action` for one container, whose trouble must not keep the others from theirs. */
function attempt(id: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    logTrouble(id, error);
  }
}

function logTrouble(id: string, error: unknown): void {
  logFailure(
    "error",
    "container",
    "{id}: cannot take it over from the earlier daemon: {reason}",
    error,
    { id },
  );
}
