// SPDX-License-Identifier: MIT
import { sleep } from "../../linux/event_loop/timer.ts";
import type { Command } from "commander";
import { verb, withJson, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { explainFormat, type RowFormat, withRowFormat } from "../common/format_option.ts";
import { parseSeconds } from "../options/resources.ts";
import { Sampler } from "../common/sampler.ts";
import { type Usage, USAGE_FIELDS, usageTable } from "../common/usage.ts";
import { printJson, printRaw, screenSize } from "../text/print.ts";
import { formatRows } from "../text/rows.ts";
import { fitRows } from "../text/table.ts";
import type { Template } from "../text/template.ts";
import { VERBS } from "../text/verb_table.ts";

interface StatsFlags {
  readonly stream: boolean;
  readonly interval: number;
  readonly json?: true;
  readonly format?: RowFormat;
}

/** How far apart the two samples of `--no-stream` are, ms: CPU use is a rate. */
const ONCE_MS = 500;

/** The hint beside the number of containers that a low screen has no room for. */
const MORE = '("berth top" scrolls)';

/** `berth stats` */
export function statsCommand(): Command {
  return withRowFormat(
    withJson(withSocket(verb(
      "stats",
      VERBS.stats.summary,
      "berth stats",
      "berth stats --no-stream --json web",
      "berth stats --no-stream --format '{{.ID}} {{.CPUPerc}}'",
    ))),
    Object.keys(USAGE_FIELDS),
  )
    .option("--no-stream", "print one table and exit")
    .option("--interval <seconds>", "time between two tables", parseSeconds, 1)
    .argument("[id...]", "containers; default: all running ones")
    .action(async (ids: string[], options: StatsFlags, command: Command) => {
      await withDaemon(command, async (daemon) => {
        const sampler = new Sampler(daemon, ids);
        await sampler.sample();
        let pause = ONCE_MS;
        let drawn = 0;
        while (true) {
          await sleep(pause);
          const sampled = await sampler.sample();
          // One that was named is shown, however it is.
          const usages = sampled.filter(({ id }) => sampler.states.get(id) !== "created");
          if (options.stream && ids.length > 0 && usages.length === 0) return;
          const { format } = options;
          const template = format === "table" || format === "json" ? undefined : format;
          if (options.json || format === "json") {
            const timestamp = new Date().toISOString();
            for (const usage of usages) if (!usage.stopped) printJson({ timestamp, ...usage });
          } else {
            const screen = screenSize();
            // The last row is the cursor's: a table that were higher could not be drawn over.
            const rows = options.stream && screen ? screen.rows - 1 : undefined;
            const lines = fitRows(linesOf(usages, template, screen?.columns), MORE, {
              ...(rows !== undefined && { rows }),
              ...(screen && { columns: screen.columns }),
              headers: template === undefined || template.table ? 1 : 0,
            });
            // On a screen each table takes the place of the one before.
            const back = drawn > 0 && screen ? `\x1b[${drawn}A\x1b[J` : "";
            printRaw(back + lines.map((line) => `${line}\n`).join(""));
            drawn = lines.length;
          }
          if (!options.stream || (ids.length > 0 && usages.every(({ stopped }) => stopped))) return;
          pause = options.interval * 1000;
        }
      });
    });
}

function linesOf(
  usages: readonly Usage[],
  format: Template | undefined,
  width: number | undefined,
): string[] {
  if (format === undefined) return usageTable(usages, width);
  return explainFormat(() => formatRows(usages, format, USAGE_FIELDS, { width }));
}
