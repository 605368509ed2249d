// SPDX-License-Identifier: MIT
import { exists } from "../../src/linux/fs/exists.ts";
import { startTime } from "../../src/linux/process/process.ts";
import type { BundleRecord, ShimRecord } from "../../src/oci/bundle_layout.ts";
import { bundlePaths } from "../../src/oci/bundle_layout.ts";
import { readJson } from "../../src/oci/json_file.ts";
import type { TestDaemon } from "../harness/daemon.ts";
import { signalIfThere } from "../harness/processes.ts";
import type { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";
import type { ExitStatuses } from "./exit_statuses.ts";

/** Kills, and has it noted whose exit status that may be. */
export class Killer {
  readonly #daemon: TestDaemon;
  readonly #statuses: ExitStatuses;

  constructor(daemon: TestDaemon, statuses: ExitStatuses) {
    this.#daemon = daemon;
    this.#statuses = statuses;
  }

  /** Kills a shim, whatever it is doing. */
  shim(pid: number): void {
    // It takes no other container between the look and its end.
    signalIfThere(pid, "SIGSTOP");
    this.#lost((shim) => shim?.pid === pid);
    signalIfThere(pid, "SIGKILL");
  }

  /** Kills a shim if this pid is still that of one that serves a container. */
  servingShim(pid: number): boolean {
    const started = startTime(pid);
    const serves = [...this.#bundles()].some(({ shim }) =>
      shim?.pid === pid && shim.startTime === started
    );
    if (serves && pid !== this.#daemon.pid) this.shim(pid);
    return serves;
  }

  /** Kills a process of a container, or of the runtime. */
  process(pid: number): void {
    this.#statuses.killed(pid);
    signalIfThere(pid, "SIGKILL");
  }

  /** The daemon is gone, and was what looks after every container (`no_shim`). */
  daemonGone(): void {
    this.#lost(() => true);
  }

  /** Makes the next call of a runtime's command kill the shim that it comes from. */
  callingShim(runtime: RuntimeWrapper, command: string, after: boolean): void {
    runtime.rule(command, killShim(this.#daemon.state, this.#log), { once: true, after });
  }

  /** Takes note of what {@linkcode callingShim} has led to, and leaves no trace of it. */
  noted(): void {
    if (!exists(this.#log)) return;
    for (const line of Deno.readTextFileSync(this.#log).split("\n")) {
      const [instance, at] = line.split(" ");
      if (instance !== undefined && at !== undefined) {
        this.#statuses.lostShim(instance, Number(at));
      }
    }
    Deno.removeSync(this.#log);
  }

  get #log(): string {
    return `${this.#daemon.dir}/lost`;
  }

  #lost(isLost: (shim: ShimRecord | undefined) => boolean): void {
    for (const { instance, shim } of this.#bundles()) {
      if (instance !== undefined && isLost(shim)) this.#statuses.lostShim(instance);
    }
  }

  *#bundles(): Generator<{ instance: string | undefined; shim: ShimRecord | undefined }> {
    for (const { name } of Deno.readDirSync(`${this.#daemon.state}/linux`)) {
      const { record, shimRecord } = bundlePaths(`${this.#daemon.state}/linux/${name}`);
      const { instance } = readJson<BundleRecord>(record) ?? {};
      yield { instance, shim: readJson<ShimRecord>(shimRecord) };
    }
  }
}

/** Not who called it in a daemon's stead: chaos kills that itself, for it has to start it again. */
const killShim = (state: string, log: string) =>
  `case $(tr '\\000' ' ' <"/proc/$PPID/cmdline") in
*" shim serve "*)
  kill -STOP "$PPID"
  for shim in '${state}'/linux/*/shim.json; do
    case $(cat "$shim" 2>/dev/null) in
    *'"pid":'"$PPID",*)
      instance=$(sed 's/.*"instance":"\\([^"]*\\)".*/\\1/' "\${shim%shim.json}berth.json")
      printf '%s %s\\n' "$instance" "$(date +%s%3N)" >>'${log}'
      ;;
    esac
  done
  kill -9 "$PPID"
  ;;
esac`;
