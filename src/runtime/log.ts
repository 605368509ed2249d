// SPDX-License-Identifier: MIT
import { configure, getJsonLinesFormatter, getTextFormatter } from "@logtape/logtape";
import type { LogRecord } from "@logtape/logtape";
import type { Config } from "./config.ts";
import { exportedConsole, exportLine } from "./telemetry.ts";

/** Sends berth's log to stderr, as text or as JSON lines, and to Deno's exporter if that is on. */
export async function configureLog({ level, format }: Config["log"]): Promise<void> {
  const formatter = format === "json"
    ? getJsonLinesFormatter()
    : getTextFormatter({ timestamp: "rfc3339", level: "abbr", category: ".", value: renderValue });
  const encoder = new TextEncoder();
  const exported = exportedConsole();
  await configure({
    reset: true,
    sinks: {
      stderr(record: LogRecord) {
        const line = formatter(record);
        if (exported !== undefined) exportLine(record.level, line.trimEnd());
        // It has been printed as well.
        if (exported === "capture") return;
        try {
          Deno.stderr.writeSync(encoder.encode(line));
        } catch {
          // Nowhere is left to say that the log cannot be written; containers matter more.
        }
      },
    },
    loggers: [
      { category: ["berth"], lowestLevel: level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stderr"] },
    ],
  });
}

/** Words stand as they are; all else is quoted, so that a line stays one line. */
function renderValue(value: unknown, inspect: (value: unknown) => string): string {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value) ? value : inspect(value);
}
