// SPDX-License-Identifier: MIT
import { readJson } from "../../oci/json_file.ts";
import type { RestartPolicy } from "../../rpc/contract/schemas.ts";
import type { ManagedContainer } from "../container/managed_container.ts";
import type { Definitions } from "./definitions.ts";
import { NO_PROGRESS, type ServiceRecord } from "./service_record.ts";

const NO_POLICY: RestartPolicy = { policy: "no" };

/** Defines a container, as it is, where it is not defined yet; `change` holds in any case. */
export function defineContainer(
  definitions: Definitions,
  container: ManagedContainer,
  change: Partial<ServiceRecord>,
): void {
  const { id, bundle: { record, paths }, processes: { exit, pid } } = container;
  if (definitions.has(id)) return definitions.update(id, change);
  const spec = readJson<Record<string, unknown>>(paths.config);
  if (spec === undefined) throw new Error(`${paths.config} is gone`);
  const service = { policy: NO_POLICY, started: true, progress: NO_PROGRESS, ...change };
  definitions.write({ spec, record, service });
  // The bundle, which has it too, goes before the next run is there.
  if (exit !== undefined) definitions.setExit(record, exit, pid);
}
