// SPDX-License-Identifier: MIT
import { requireNoIssues } from "../util/require_no_issues.ts";
import { bundlePaths } from "../../oci/bundle_layout.ts";
import { readJson } from "../../oci/json_file.ts";
import { validateSpec } from "../../oci/spec/spec.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { mergeResources, recordUpdate } from "../bundle/record_update.ts";
import type { ManagedContainer } from "../container/managed_container.ts";
import { logFailure } from "../util/log_failure.ts";
import type { ServiceContext } from "./context.ts";

type LinuxResources = Readonly<Record<string, unknown>>;

/**
 * Changes the limits of a container, and records them for its later runs. For a container that has
 * stopped, or waits for its restart, they are recorded only: its next start applies them.
 *
 * @throws {RuntimeError} if the runtime refuses the limits.
 * @throws {InvalidParamsError} if limits that are only recorded cannot be those of a container.
 */
export async function updateResources(
  id: string,
  resources: LinuxResources,
  context: ServiceContext,
): Promise<void> {
  const { checkUsable, containers, definitions } = context;
  checkUsable(id);
  for (;;) {
    const container = await recordAlone(id, resources, context);
    if (container === undefined) return;
    try {
      await container.call("shim.update", { resources });
    } catch (error) {
      if (container.status !== "stopped") throw error;
      // It has exited meanwhile.
      continue;
    }
    definitions.setResources(id, resources);
    recordInForce(container, resources);
    // It may have been run again meanwhile, with its limits of before.
    if (containers.find(id) === container) return;
  }
}

/** Records the limits if the container has stopped; else returns it. */
async function recordAlone(
  id: string,
  resources: LinuxResources,
  { containers, definitions, locks }: ServiceContext,
): Promise<ManagedContainer | undefined> {
  using _lock = await locks.acquire(id);
  const container = containers.get(id);
  if (container.status !== "stopped") return container;
  const { paths: { dir } } = container.bundle;
  check(id, dir, resources);
  definitions.setResources(id, resources);
  if (dir !== definitions.dir(id)) recordUpdate(dir, resources);
  return undefined;
}

/** Records limits that hold already, whether the disk takes them or not. */
function recordInForce(
  { id, bundle: { paths } }: ManagedContainer,
  resources: LinuxResources,
): void {
  try {
    recordUpdate(paths.dir, resources);
  } catch (error) {
    logFailure("error", "container", "{id}: cannot record its new limits: {reason}", error, { id });
  }
}

/** Checks limits that no runtime sees before the next start, as far as berth can. */
function check(id: string, dir: string, resources: LinuxResources): void {
  const spec = readJson<Record<string, unknown>>(bundlePaths(dir).config);
  if (spec === undefined) return;
  const merged = mergeResources(spec, resources);
  const issues = [...validateSpec(merged, { rootfsMounted: true }), ...swapIssues(merged)];
  requireNoIssues("update", id, issues);
}

/** The limit of memory and swap together is never below that of memory (OCI: memory.swap). */
function swapIssues({ linux }: LinuxResources) {
  const resources = isRecord(linux) ? linux["resources"] : undefined;
  const memory = isRecord(resources) ? resources["memory"] : undefined;
  const { limit, swap } = isRecord(memory) ? memory : {};
  if (typeof limit !== "number" || typeof swap !== "number" || swap <= 0 || swap >= limit) {
    return [];
  }
  const message = `must not be below the limit of memory, ${limit}: change both`;
  return [{ path: "resources.memory.swap", message }];
}
