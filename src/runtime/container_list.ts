// SPDX-License-Identifier: MIT
// The pages of `container.list` and `container.listStats`.
import type { ParsedParamsOf, ResultOf } from "../rpc/contract/method.ts";
import type { DaemonContract } from "../rpc/contract/daemon.ts";
import { MAX_PAGE_TEXT } from "../rpc/contract/limits.ts";
import { hasLabels } from "./labels.ts";
import { FailedPreconditionError } from "../rpc/errors.ts";
import type { ContainerState } from "../rpc/contract/schemas.ts";
import type { Stats } from "../rpc/contract/stats_schema.ts";

/** The part of a container that lists need. */
export interface Listed {
  readonly id: string;
  readonly bundle: {
    readonly record: {
      readonly instance: string;
      readonly labels: Readonly<Record<string, string>>;
    };
  };
  state(): ContainerState;
  stats(): Stats;
}

/** Returns the page of containers that the params of `container.list` ask for. */
export function listContainers(
  all: Iterable<Listed>,
  params: ParsedParamsOf<DaemonContract, "container.list">,
): ResultOf<DaemonContract, "container.list"> {
  const { status, labels = {} } = params;
  return pageOf(all, params, (container) => {
    if (!hasLabels(container.bundle.record.labels, labels)) return undefined;
    const state = container.state();
    return status === undefined || status === state.status ? state : undefined;
  });
}

/** Returns the page of resource usage that the params of `container.listStats` ask for. */
export function listStats(
  all: Iterable<Listed>,
  params: ParsedParamsOf<DaemonContract, "container.listStats">,
): ResultOf<DaemonContract, "container.listStats"> {
  return pageOf(all, params, (container) => {
    const { id, bundle: { record: { instance } } } = container;
    const stats = statsOf(container);
    return stats && { id, instance, stats };
  });
}

/** Returns the statistics of a container; undefined where it has stopped and has no cgroup. */
export function statsOf(container: Listed): Stats | undefined {
  try {
    return container.stats();
  } catch (error) {
    if (error instanceof FailedPreconditionError) return undefined;
    throw error;
  }
}

/** Returns an element for each container of a page for which there is one, ordered by id. */
function pageOf<T>(
  all: Iterable<Listed>,
  { ids, after = "", limit = Infinity }: ParsedParamsOf<DaemonContract, "container.listStats">,
  elementOf: (container: Listed) => T | undefined,
): { containers: T[]; next?: string } {
  const wanted = ids && new Set(ids);
  const rest = [...all].filter(({ id }) => id > after && (wanted?.has(id) ?? true))
    .toSorted((a, b) => a.id < b.id ? -1 : 1);
  const containers: T[] = [];
  let size = 0;
  let last = "";
  for (const container of rest) {
    // An id rather than a position: containers come and go between two pages.
    if (containers.length >= limit || size > MAX_PAGE_TEXT) return { containers, next: last };
    const element = elementOf(container);
    last = container.id;
    if (element === undefined) continue;
    containers.push(element);
    size += JSON.stringify(element).length;
  }
  return { containers };
}
