// SPDX-License-Identifier: MIT
import { bundlePaths } from "../../oci/bundle_layout.ts";
import { readJson, writeJsonAtomic } from "../../oci/json_file.ts";
import { isRecord } from "../../rpc/is_record.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * Writes new limits of a container into the spec in its bundle, so that its readers see what is in
 * force; see {@linkcode mergeResources}.
 *
 * @param dir The bundle directory.
 * @param resources OCI `linux.resources`, as the runtime has taken them.
 */
export function recordUpdate(dir: string, resources: Json): void {
  const { config } = bundlePaths(dir);
  const spec = readJson<Json>(config);
  // The container was deleted meanwhile.
  if (spec === undefined) return;
  writeJsonAtomic(config, mergeResources(spec, resources));
}

/** Returns an OCI spec with new limits. Members that `resources` leaves out stay as they are. */
export function mergeResources(spec: Json, resources: Json): Json {
  const linux = isRecord(spec["linux"]) ? spec["linux"] : {};
  const before = isRecord(linux["resources"]) ? linux["resources"] : {};
  return { ...spec, linux: { ...linux, resources: merge(before, resources) } };
}

function merge(before: Json, update: Json): Json {
  const members = Object.entries(update).filter(([, value]) => value !== undefined);
  return {
    ...before,
    ...Object.fromEntries(members.map(([name, value]) => {
      const old = before[name];
      return [name, isRecord(old) && isRecord(value) ? merge(old, value) : value];
    })),
  };
}
