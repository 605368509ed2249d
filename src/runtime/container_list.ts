// SPDX-License-Identifier: MIT
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

/** Which containers a page has. */
interface PageParams {
  readonly ids?: readonly string[] | undefined;
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

/** Returns the page of containers that the params of `container.list` ask for. */
export function listContainers(
  all: readonly Listed[],
  params: ParsedParamsOf<DaemonContract, "container.list">,
): ResultOf<DaemonContract, "container.list"> {
  const { status, labels = {} } = params;
  const { elements, next } = pageOf(all, params, (container) => {
    if (!hasLabels(container.bundle.record.labels, labels)) return undefined;
    const state = container.state();
    return status === undefined || status === state.status ? state : undefined;
  });
  return { containers: elements, ...(next === undefined ? {} : { next }) };
}

/** Returns the page of resource usage that the params of `container.listStats` ask for. */
export function listStats(
  all: readonly Listed[],
  params: ParsedParamsOf<DaemonContract, "container.listStats">,
): ResultOf<DaemonContract, "container.listStats"> {
  const { elements, next } = pageOf(all, params, (container) => {
    try {
      const { id, bundle: { record: { instance } } } = container;
      return { id, instance, stats: container.stats() };
    } catch (error) {
      // A container that has stopped has no cgroup.
      if (error instanceof FailedPreconditionError) return undefined;
      throw error;
    }
  });
  return { containers: elements, ...(next === undefined ? {} : { next }) };
}

/** Returns an element for each container of a page for which there is one, ordered by id. */
function pageOf<T>(
  all: readonly Listed[],
  { ids, after = "", limit = Infinity }: PageParams,
  elementOf: (container: Listed) => T | undefined,
): { elements: T[]; next?: string } {
  const wanted = ids && new Set(ids);
  const rest = all.filter(({ id }) => id > after && (wanted?.has(id) ?? true))
    .toSorted((a, b) => a.id < b.id ? -1 : 1);
  const elements: T[] = [];
  let size = 0;
  let last = "";
  for (const container of rest) {
    // An id rather than a position: containers come and go between two pages.
    if (elements.length >= limit || size > MAX_PAGE_TEXT) return { elements, next: last };
    const element = elementOf(container);
    last = container.id;
    if (element === undefined) continue;
    elements.push(element);
    size += JSON.stringify(element).length;
  }
  return { elements };
}
