// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { forEachId } from "../common/ids.ts";
import { type Format, printFormatted, withFormat } from "../common/format_option.ts";
import { hintAtImage } from "../image/explain.ts";
import { print, printJson } from "../text/print.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { parseJson, stringifyJson } from "../../rpc/json.ts";
import { VERBS } from "../text/verb_table.ts";

interface InspectFlags {
  readonly json?: true;
  readonly spec?: true;
  readonly format?: Format;
}

/** The members that a template may name. */
const MEMBERS: Readonly<Record<keyof ContainerState | "spec" | "resources", true>> = {
  ...{ id: true, instance: true, status: true, pid: true, bundle: true, runtime: true },
  ...{ terminal: true, stdin: true, stdout: true, stderr: true, log: true, labels: true },
  ...{ createdAt: true, startedAt: true, exitStatus: true, exitStatusUnknown: true },
  ...{ exitedAt: true, restart: true, restartCount: true, restartingAt: true, lastExit: true },
  ...{ autoRemove: true, oomKilled: true, group: true, network: true, shimPid: true, shim: true },
  ...{ processes: true, resources: true, spec: true, error: true },
  ...{ stopSignal: true, stopTimeout: true },
};

/** Advice for members of docker's that berth has not. */
const INSTEAD: Readonly<Record<string, string>> = {
  Name: "take .id",
  State: "take .status, .pid, .exitStatus, .startedAt and .exitedAt",
  Created: "take .createdAt",
  Image: 'take index .labels "berth.image"',
  Config: "take .labels, and with --spec .spec.process",
  HostConfig: "take .resources and .restart, and with --spec .spec",
  NetworkSettings: "take .network",
  Mounts: "take .spec.mounts, with --spec",
  Path: "take .spec.process.args, with --spec",
  Args: "take .spec.process.args, with --spec",
  LogPath: "take .log.path",
};

/** `berth inspect` */
export function inspectCommand(): Command {
  return withFormat(
    withSocket(verb(
      "inspect",
      VERBS.inspect.summary,
      "berth inspect web",
      "berth inspect --spec --json web | jq .spec.process",
      "berth inspect -f '{{.status}} {{.pid}}' web",
    )),
    { fields: Object.keys(MEMBERS), instead: INSTEAD },
  )
    .option("--spec", "include the OCI spec of the container")
    .option("--json", "one line a container")
    .argument("<id...>", "containers")
    .action(async (ids: string[], options: InspectFlags, command: Command) => {
      await withDaemon(command, async (daemon) => {
        await forEachId(ids, async (id) => {
          const state = await daemon.call("container.state", { id });
          const config = `${state.bundle}/config.json`;
          const whole = options.spec
            ? { ...state, spec: parseJson(await Deno.readTextFile(config)) }
            : { ...state, ...resourcesIn(config) };
          const { format } = options;
          if (format && format !== "json") {
            // As in docker: a count also of one that is never restarted.
            printFormatted(format, { ...whole, restartCount: state.restartCount ?? 0 });
          } else if (format || options.json) printJson(whole);
          else print(stringifyJson(whole, 2));
        }, (error, id) => hintAtImage(daemon, id, error));
      });
    });
}

/**
 * Returns the limits of a container, as its spec has them after every update; without the rules for
 * devices, which are many. Returns none where this user may not read the spec.
 */
function resourcesIn(config: string): { readonly resources?: Record<string, unknown> } {
  let text: string;
  try {
    text = Deno.readTextFileSync(config);
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return {};
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
  const spec = parseJson(text);
  const linux = isRecord(spec) ? spec["linux"] : undefined;
  const resources = isRecord(linux) ? linux["resources"] : undefined;
  if (!isRecord(resources)) return {};
  const { devices: _, ...limits } = resources;
  return { resources: limits };
}
