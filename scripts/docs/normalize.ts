// SPDX-License-Identifier: MIT
import { isRecord } from "../../src/rpc/is_record.ts";

const TIMESTAMP = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;
const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g;
/** Members whose number is another one in each run. */
const PIDS: ReadonlySet<string> = new Set(["pid", "shimPid"]);
const FIRST_PID = 4201;

/** Makes what differs from run to run the same: pids, times, ids that are made up, directories. */
export class Normalizer {
  readonly #replacements: readonly (readonly [string, string])[];
  readonly #pids = new Map<number, number>();
  readonly #uuids = new Map<string, string>();

  /** `directories` are replaced wherever they occur, the first that fits. */
  constructor(directories: Readonly<Record<string, string>>) {
    this.#replacements = Object.entries(directories);
  }

  /** The value with all of that replaced; the same pid stays the same pid. */
  apply(value: unknown, key = ""): unknown {
    if (typeof value === "string") return this.#text(value);
    if (typeof value === "number" && PIDS.has(key) && value > 0) return this.#pid(value);
    if (key === "durationMs") return 30;
    if (Array.isArray(value)) return value.map((item) => this.apply(item, key));
    if (!isRecord(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [
        name,
        this.apply(member, name),
      ]),
    );
  }

  #text(text: string): string {
    let result = text;
    for (const [from, to] of this.#replacements) result = result.replaceAll(from, to);
    return result.replace(TIMESTAMP, "2026-01-02T03:04:05.678Z").replace(
      UUID,
      (uuid) => {
        const number = this.#uuids.get(uuid) ??
          `00000000-0000-4000-8000-${String(this.#uuids.size + 1).padStart(12, "0")}`;
        this.#uuids.set(uuid, number);
        return number;
      },
    );
  }

  #pid(pid: number): number {
    const number = this.#pids.get(pid) ?? FIRST_PID + this.#pids.size;
    this.#pids.set(pid, number);
    return number;
  }
}
