// SPDX-License-Identifier: MIT
// Reads the log that calls of the OCI runtime write.
import { ifThere } from "../../linux/fs/if_there.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { errnoMessageOf } from "../../linux/libc/errno.ts";
import { sizeOf } from "../../linux/fs/size_of.ts";
import { isRecord } from "../../rpc/is_record.ts";

/** How much of the end of a log is looked at for an error, in bytes. */
const TAIL = 64 * 1024;

/** How many warnings of one call are passed on, and how much of each, in UTF-16 units. */
const MAX_WARNINGS = 20, MAX_WARNING = 1000;

/**
 * A warning of runc 1.1.5 and 1.1.6 at each create with systemd's cgroups where the kernel has no
 * `tun`: a device that runc itself puts on every list of allowed ones (devices/systemd.go).
 */
const MISSING_TUN = "skipping device /dev/char/10:200 for systemd: ";

/**
 * The log file of one call of the OCI runtime. Calls append to the same file, so each remembers
 * where it began; only one at a time has a file to itself, as lines do not say whose they are.
 */
export class CallLog implements Disposable {
  /** The file to pass as `--log`. */
  readonly path: string;
  readonly #offset: number;
  readonly #release: () => void;

  private constructor(path: string, release: () => void) {
    this.path = path;
    this.#offset = sizeOf(path);
    this.#release = release;
  }

  /**
   * Takes the log file `path` for one call. While another call in `inUse` has it, this one gets a
   * file beside it, which is removed afterwards.
   */
  static take(path: string, inUse: Set<string>): CallLog {
    let own = path;
    for (let n = 1; inUse.has(own); n++) own = `${path}.${n}`;
    inUse.add(own);
    return new CallLog(own, () => {
      inUse.delete(own);
      try {
        if (own !== path) removeFile(own);
      } catch {
        // One that stays does no harm. To fail here would hide how the call has ended.
      }
    });
  }

  /** Returns the last error that was logged since the call began; undefined if none was. */
  lastError(): string | undefined {
    const lines = readFrom(this.path, this.#offset).split("\n");
    return lines.map(errorOf).findLast((message) => message !== undefined);
  }

  /** Returns what is in the way of writing to the log, in words; undefined if nothing is. */
  unwritable(): string | undefined {
    try {
      // Whatever the runtime has written of a line ends there.
      Deno.writeTextFileSync(this.path, "\n", { append: true, mode: 0o600 });
      return undefined;
    } catch (error) {
      return errnoMessageOf(error) ?? String(error);
    }
  }

  [Symbol.dispose](): void {
    this.#release();
  }
}

/** Reads the warnings that calls of the OCI runtime add to a log file from when this is made. */
export class WarningReader {
  readonly #path: string;
  readonly #offset: number;

  constructor(path: string) {
    this.#path = path;
    this.#offset = sizeOf(path);
  }

  /**
   * Returns the warnings since that say something of a container; those of calls that ran at the same
   * time are among them.
   */
  read(): string[] {
    if (sizeOf(this.#path) === this.#offset) return [];
    const lines = readFrom(this.#path, this.#offset).split("\n").slice(-MAX_WARNINGS);
    return lines.flatMap((line) => {
      const entry = parseEntry(line);
      const message = entry?.level === "warning" ? entry.msg.trim().slice(0, MAX_WARNING) : "";
      return message === "" || message.startsWith(MISSING_TUN) ? [] : [message];
    });
  }
}

interface LogEntry {
  readonly level: unknown;
  readonly msg: string;
}

/** Parses a log line (`--log-format json`); undefined where it is none. */
function parseEntry(line: string): LogEntry | undefined {
  if (!line.startsWith("{")) return undefined;
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    // The first line of the tail may be cut, and a killed runtime may have left half a line.
    return undefined;
  }
  if (!isRecord(entry) || typeof entry.msg !== "string") return undefined;
  return { level: entry.level, msg: entry.msg };
}

/** Returns the message of a log line of level error or worse. */
function errorOf(line: string): string | undefined {
  const entry = parseEntry(line);
  if (entry === undefined) return undefined;
  if (entry.level !== "error" && entry.level !== "fatal" && entry.level !== "panic") {
    return undefined;
  }
  return entry.msg.trim() || undefined;
}

/** Returns the text of the file from `offset` on, at most the last {@linkcode TAIL} bytes of it. */
function readFrom(path: string, offset: number): string {
  using opened = ifThere(() => Deno.openSync(path));
  if (opened === undefined) return "";
  const size = opened.statSync().size;
  // The runtime appends, but its log may have been rotated away under it.
  const start = Math.max(offset <= size ? offset : 0, size - TAIL);
  opened.seekSync(start, Deno.SeekMode.Start);
  const bytes = new Uint8Array(size - start);
  let length = 0;
  while (length < bytes.length) {
    const count = opened.readSync(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}
