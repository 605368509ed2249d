// SPDX-License-Identifier: MIT
import { validateExecProcess } from "../oci/spec/spec.ts";
import type { DaemonContract } from "../rpc/contract/daemon.ts";
import { MAX_EXECS } from "../rpc/contract/limits.ts";
import { ResourceExhaustedError } from "../rpc/errors.ts";
import type { Implementation } from "../rpc/contract/bind.ts";
import type { ResultOf } from "../rpc/contract/method.ts";
import { requireNoIssues } from "./util/require_no_issues.ts";
import { stdioIssues } from "./create/path_issues.ts";
import { restartIssues } from "./create/service_params.ts";
import { listContainers, listStats } from "./container_list.ts";
import type { ContainerManager } from "./container_manager.ts";
import { readEvents } from "./events/read_events.ts";
import type { EventSubscribers } from "./events/event_subscribers.ts";
import type { StatsSubscribers } from "./stats/stats_subscribers.ts";

/** The parts of the daemon that its methods call. */
export interface MethodsContext {
  readonly manager: ContainerManager;
  readonly subscribers: EventSubscribers;
  readonly statsSubscribers: StatsSubscribers;
  readonly info: () => ResultOf<DaemonContract, "daemon.info">;
}

/** Returns the daemon's methods: each finds its container and calls it. */
export function daemonMethods(
  { manager, subscribers, statsSubscribers, info }: MethodsContext,
): Implementation<DaemonContract> {
  const { containers, services } = manager;
  return {
    "daemon.info": info,
    // Not for every daemon: the seccomp profile alone is 20 KB.
    "spec.default": async (params) =>
      (await import("./create/default_spec.ts")).defaultSpecOf(params, info().defaults),
    "container.create": async (params) => {
      const container = await manager.maker.create(params);
      return { id: container.id, pid: container.processes.pid, bundle: container.bundle.paths.dir };
    },
    "container.start": ({ id }) => services.start(id),
    "container.restart": ({ id, ...how }) => services.restart(id, how),
    "container.rename": async (params) => {
      await manager.renamer.rename(params);
      return {};
    },
    "container.state": ({ id }) => containers.get(id).state(),
    "container.list": (params) => listContainers(containers, params),
    "container.wait": ({ id, execId }, { signal }) => containers.get(id).wait(execId, signal),
    "container.kill": (params) => services.kill(params),
    "container.stop": ({ id, ...how }, { signal }) => services.stop(id, how, signal),
    "container.pause": ({ id }) => containers.get(id).call("shim.pause", {}),
    "container.resume": ({ id }) => containers.get(id).call("shim.resume", {}),
    "container.exec": async ({ id, execId, ...rest }) => {
      const container = containers.get(id);
      if (container.processes.execCount >= MAX_EXECS) {
        throw new ResourceExhaustedError(
          `container ${id} has ${MAX_EXECS} exec processes: delete those that have exited`,
          { data: { id } },
        );
      }
      const issues = [
        ...validateExecProcess(rest.process).map(({ path, message }) => ({
          path: path === "" ? "process" : `process.${path}`,
          message,
        })),
        ...stdioIssues(rest),
      ];
      requireNoIssues("exec in", id, issues);
      return await container.call("shim.exec", {
        ...rest,
        execId: execId ?? `exec-${crypto.randomUUID().slice(0, 8)}`,
      });
    },
    "container.deleteProcess": async ({ id, execId }) => {
      const container = containers.get(id);
      const result = await container.call("shim.delete", { execId });
      container.processes.forget(execId);
      return result;
    },
    "container.resizePty": ({ id, ...rest }) => containers.get(id).call("shim.resizePty", rest),
    "container.closeStdin": ({ id, ...rest }) => containers.get(id).call("shim.closeStdin", rest),
    "container.pids": ({ id }) => ({ processes: containers.get(id).pids() }),
    "container.stats": ({ id }) => containers.get(id).stats(),
    "container.listStats": (params) => listStats(containers, params),
    "stats.subscribe": (params, { peer }) => statsSubscribers.subscribe(peer, params),
    "stats.unsubscribe": ({ subscription }, { peer }) =>
      statsSubscribers.unsubscribe(peer, subscription),
    "container.update": async ({ id, resources, restart }) => {
      if (restart !== undefined) requireNoIssues("update", id, restartIssues(restart));
      if (resources !== undefined) await services.update(id, resources);
      if (restart !== undefined) await services.setPolicy(id, restart);
      return {};
    },
    "container.checkpoint": (params) => services.checkpoint(params),
    "container.delete": (params) => services.delete(params),
    "network.list": () => manager.networks.list(),
    "events.subscribe": (params, { peer }) => subscribers.subscribe(peer, params),
    "events.read": (params) => readEvents(manager.events.journal, params),
    "events.unsubscribe": ({ subscription }, { peer }) =>
      subscribers.unsubscribe(peer, subscription),
  };
}
