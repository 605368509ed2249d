// SPDX-License-Identifier: MIT
// The daemon's log.
import { configure, getJsonLinesFormatter, getTextFormatter } from "@logtape/logtape";
import type { LogRecord, TextFormatter } from "@logtape/logtape";
import { NonblockingWriter } from "../../linux/fd/nonblocking_writer.ts";
import { errnoNameOf } from "../../linux/libc/errno.ts";
import { stackOf } from "../../error_text.ts";
import { BerthError } from "../../rpc/errors.ts";
import type { Config } from "../config/config.ts";
import { LogQueue } from "./log_queue.ts";
import { exportedConsole, exportLine } from "./telemetry.ts";

const STDERR = 2;

/**
 * berth's log on stderr, and in Deno's exporter if that is on. Never waits for the reader of
 * stderr: lines that it does not read in time are dropped, and a later line says how many.
 */
export class DaemonLog implements AsyncDisposable {
  readonly #encoder = new TextEncoder();
  readonly #writer = new NonblockingWriter(STDERR);
  readonly #queue = new LogQueue({
    write: (bytes) => this.#writer.write(bytes),
    dropped: (count) => this.#encode(droppedRecord(count)),
  });
  #formatter: TextFormatter = formatJson;

  /** Logs records of this level or above from now on, as text or as JSON lines. */
  async configure({ level, format }: Config["log"]): Promise<void> {
    this.#formatter = format === "json" ? formatJson : withStack(getTextFormatter({
      // The journal has its own for each line.
      timestamp: goesToJournal() ? "none" : "rfc3339",
      level: "abbr",
      category: ".",
      value: renderValue,
    }));
    const exported = exportedConsole();
    await configure({
      reset: true,
      sinks: {
        stderr: (record: LogRecord) => {
          if (exported !== undefined) exportLine(record.level, this.#formatter(record).trimEnd());
          // It has been printed as well.
          if (exported === "capture") return;
          this.#queue.add(this.#encode(record));
        },
      },
      loggers: [
        { category: ["berth"], lowestLevel: level, sinks: ["stderr"] },
        { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stderr"] },
      ],
    });
  }

  #encode(record: LogRecord): Uint8Array<ArrayBuffer> {
    return this.#encoder.encode(this.#formatter(record));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue[Symbol.asyncDispose]();
    this.#writer[Symbol.dispose]();
  }
}

/**
 * Returns whether stderr is systemd's journal: it says which file that is in JOURNAL_STREAM
 * (systemd.exec(5)), which children of the daemon inherit although theirs may be another.
 */
export function goesToJournal(
  stream = Deno.env.get("JOURNAL_STREAM"),
  path = `/proc/self/fd/${STDERR}`,
): boolean {
  if (stream === undefined) return false;
  const { dev, ino } = Deno.statSync(path);
  return stream === `${dev}:${ino}`;
}

const jsonLine = getJsonLinesFormatter();

/**
 * Formats a record as a JSON line whose message has strings as they are: in JSON they cannot break
 * the line, and a value in quotes would be quoted twice.
 */
function formatJson(record: LogRecord): string {
  const text = record.message.map((part, index) =>
    index % 2 === 0 || typeof part === "string" ? String(part) : Deno.inspect(part)
  );
  return jsonLine({ ...record, message: [text.join("")] });
}

function droppedRecord(count: number): LogRecord {
  const text = `${count} lines of this log could not be written and are lost`;
  return {
    category: ["berth"],
    level: "warning",
    message: [text],
    rawMessage: text,
    timestamp: Date.now(),
    properties: {},
  };
}

/** Words stand as they are; all else is quoted, so that a line stays one line. */
function renderValue(value: unknown, inspect: (value: unknown) => string): string {
  return typeof value === "string" && /^[\x21-\x7e]+$/.test(value) ? value : inspect(value);
}

/**
 * Adds the stack of a record's `error`, indented: only what stands at the margin is a new record. A
 * failure whose reason is in the line, and that is no fault of berth's, is that one line.
 */
export function withStack(format: TextFormatter): TextFormatter {
  return (record) => {
    const { error, reason } = record.properties;
    if (error === undefined) return format(record);
    if (reason !== undefined && isSelfExplanatory(error)) return format(record);
    return `${format(record)}    ${indented(stackOf(error))}\n`;
  };
}

/**
 * Returns text for a log of lines: all but the first are indented, for what stands at the margin is a
 * line of its own, and what would control a terminal is escaped.
 */
function indented(text: string): string {
  return text.replaceAll(/\s*[\n\r]+\s*/g, "\n      ").replaceAll(
    /[^\P{C}\n]|[\u2028\u2029]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/**
 * Returns whether an error says by its message alone what has failed: one of berth's own, of what is
 * outside of berth, such as an OCI runtime that refuses a container. A stack, of it or of its cause, is
 * of use only where the fault may be in berth.
 */
function isSelfExplanatory(error: unknown): boolean {
  if (!(error instanceof BerthError) || error.kind === "Internal") return false;
  const { cause } = error;
  return cause === undefined || errnoNameOf(cause) !== undefined || isSelfExplanatory(cause);
}
