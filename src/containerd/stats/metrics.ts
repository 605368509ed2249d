// SPDX-License-Identifier: MIT
import type { Cgroup } from "../../linux/cgroup/cgroup.ts";
import { exists } from "../../linux/fs/exists.ts";
import type { Any } from "../messages/types.ts";
import type { Encodable } from "../protobuf/fields.ts";
import { CODE, TtrpcError } from "../ttrpc/messages.ts";
import { readMetricsV1 } from "./v1.ts";
import { readMetricsV2 } from "./v2.ts";

/**
 * Reads the statistics of a container's cgroup, in the message of its version of cgroups.
 *
 * @throws {TtrpcError} not found, if the container has no cgroup (any more).
 */
export function readMetrics(cgroup: Cgroup | undefined): Encodable<typeof Any> {
  const paths = cgroup?.paths ?? {};
  if (!Object.values(paths).some(exists)) {
    throw new TtrpcError(CODE.notFound, "the container has no cgroup");
  }
  const { unified } = paths;
  if (cgroup?.version === 2 && unified !== undefined) {
    return { type_url: "io.containerd.cgroups.v2.Metrics", value: readMetricsV2(unified) };
  }
  return { type_url: "io.containerd.cgroups.v1.Metrics", value: readMetricsV1(paths) };
}
