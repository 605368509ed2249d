// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { verb, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { forEachId } from "../common/each.ts";
import { print, printJson } from "../text/print.ts";
import { parseJson, stringifyJson } from "../../rpc/json.ts";

interface InspectOptions {
  readonly json?: true;
  readonly spec?: true;
}

/** `berth inspect` */
export function inspectCommand(): Command {
  return withSocket(verb(
    "inspect",
    "Print the full state of containers as JSON",
    "berth inspect web",
    "berth inspect --spec --json web | jq .spec.process",
  ))
    .option("--spec", "with the OCI spec that the container was made from")
    .option("--json", "one line a container")
    .argument("<id...>", "containers")
    .action(async (ids: string[], options: InspectOptions, command: Command) => {
      await withDaemon(command, async (daemon) => {
        await forEachId(ids, async (id) => {
          const state = await daemon.call("container.state", { id });
          const whole = options.spec
            ? { ...state, spec: parseJson(await Deno.readTextFile(`${state.bundle}/config.json`)) }
            : state;
          if (options.json) printJson(whole);
          else print(stringifyJson(whole, 2));
        });
      });
    });
}
