// SPDX-License-Identifier: MIT
import { exists } from "../../linux/fs/exists.ts";
import { baseName, parentDir } from "../../linux/fs/path_names.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { memfd, OwnedFd, writeAll } from "../../linux/fd/fd.ts";
import { RuntimeError } from "../../rpc/errors.ts";
import { CRIU_CONFIG_VARIABLE } from "./criu_config.ts";
import { withCriuLog } from "./criu_log.ts";
import type {
  OciCheckpointOptions,
  OciCreateOptions,
  OciExecOptions,
  OciRestoreOptions,
  ProcessStdio,
} from "./call_options.ts";
import { couldNotStart, runCall } from "./runtime_call.ts";
import type { CallContext, CallReport, RuncCall, RuntimeCallOptions } from "./runtime_call.ts";
import { damagedState } from "./runtime_state.ts";
import { parseState, parseVersion } from "./runtime_output.ts";
import type { OciState, RuntimeVersion } from "./runtime_output.ts";
import type { Spawn } from "./spawn.ts";
import { stringifyJson } from "../../rpc/json.ts";

/** How a {@linkcode OciRuntime} is set up. */
export interface OciRuntimeOptions {
  /** Name in PATH, or path, of an OCI runtime with runc's command line. */
  readonly command: string;
  /** Its `--root`, where it keeps the states of its containers. */
  readonly root: string;
  /** Starts it. */
  readonly spawn: Spawn;
  /** Told of each call that has ended. */
  readonly debug?: (report: CallReport) => void;
}

/**
 * Drives an OCI runtime through its command line, which is runc's. Works with whatever has the same
 * one, such as crun.
 *
 * Each method throws {@linkcode RuntimeError} with the runtime's own message if the runtime fails or
 * is not there, `DeadlineExceededError` if it was killed for taking too long, and
 * `LinuxError` if the machine cannot start another process.
 */
export class OciRuntime {
  readonly #context: CallContext;

  constructor({ command, root, spawn, debug }: OciRuntimeOptions) {
    this.#context = { command, root, spawn, debug, logsInUse: new Set() };
  }

  /** Creates a container from its bundle; its process waits for {@linkcode start}. */
  async create(options: OciCreateOptions): Promise<void> {
    const args = [
      ...(options.systemdCgroup ? ["--systemd-cgroup"] : []),
      ...["create", "--bundle", options.bundle, "--pid-file", options.pidFile],
    ];
    if (options.noPivot) args.push("--no-pivot");
    if (options.noNewKeyring) args.push("--no-new-keyring");
    await this.#startProcess("create", args, {
      ...options,
      log: options.log ?? `${options.bundle}/log.json`,
    });
  }

  /** Starts the process of a created container. */
  async start(id: string, options: RuntimeCallOptions = {}): Promise<void> {
    await this.#control("start", id, [], options);
  }

  /** Sends a signal to init, or with `all` to every process of the container. */
  async kill(
    id: string,
    signal: number,
    options: RuntimeCallOptions & { readonly all?: boolean } = {},
  ): Promise<void> {
    const args = options.all ? ["kill", "--all"] : ["kill"];
    await this.#call({
      subcommand: "kill",
      id,
      args: [...args, id, String(signal)],
      output: "quiet",
    }, options);
  }

  /**
   * Deletes a stopped container; with `force` also one that is created or running, and then one that
   * does not exist is no error. Of one whose state is damaged, so that the runtime refuses it, `force`
   * removes what the runtime keeps; its processes are the caller's to kill.
   */
  async delete(
    id: string,
    options: RuntimeCallOptions & { readonly force?: boolean } = {},
  ): Promise<void> {
    try {
      await this.#control("delete", id, options.force ? ["--force"] : [], options);
    } catch (error) {
      const { root } = this.#context;
      if (!options.force || damagedState(root, id) === undefined) throw error;
      Deno.removeSync(`${root}/${id}`, { recursive: true });
    }
  }

  /** Freezes every process of the container. */
  async pause(id: string): Promise<void> {
    await this.#control("pause", id, []);
  }

  /** Thaws it. */
  async resume(id: string): Promise<void> {
    await this.#control("resume", id, []);
  }

  /** Runs another process in a running container. */
  async exec(options: OciExecOptions): Promise<void> {
    const args = ["exec", "--process", options.processFile, "--pid-file", options.pidFile];
    await this.#startProcess("exec", [...args, "--detach"], options);
  }

  /** Changes resource limits: `resources` is the OCI spec's `linux.resources`, whole or in part. */
  async update(id: string, resources: unknown): Promise<void> {
    using input = new OwnedFd(memfd("resources"));
    writeAll(input.fd, new TextEncoder().encode(stringifyJson(resources)));
    // Opened by its path it is read from the start, wherever the offset of the fd stands.
    const args = ["update", "--resources", "/proc/self/fd/0", id];
    await this.#call({ subcommand: "update", id, args, stdin: input.fd, output: "quiet" });
  }

  /** Writes a checkpoint of a running container; stops it unless `leaveRunning`. */
  async checkpoint(options: OciCheckpointOptions): Promise<void> {
    const { id, imagePath, workPath = imagePath, leaveRunning, criuConfig } = options;
    const args = ["checkpoint", "--image-path", imagePath, "--work-path", workPath];
    if (leaveRunning) args.push("--leave-running");
    args.push(...options.flags ?? [], id);
    const env = criuConfig === undefined ? undefined : { [CRIU_CONFIG_VARIABLE]: criuConfig };
    await withCriuLog(
      `${workPath}/dump.log`,
      () => this.#call({ subcommand: "checkpoint", id, args, output: "quiet", env }, options),
    );
  }

  /** Creates a container from a checkpoint and lets its process run on. */
  async restore(options: OciRestoreOptions): Promise<void> {
    const { bundle, pidFile, imagePath, workPath = bundle, criuConfig } = options;
    const args = options.systemdCgroup ? ["--systemd-cgroup"] : [];
    // crun knows no --no-subreaper; what runc starts as a subreaper is the shim's once runc has ended.
    args.push("restore", "--detach", "--bundle", bundle);
    args.push("--pid-file", pidFile, "--image-path", imagePath, "--work-path", workPath);
    if (options.noPivot) args.push("--no-pivot");
    await withCriuLog(
      `${workPath}/restore.log`,
      () =>
        this.#startProcess("restore", args, {
          ...options,
          log: options.log ?? `${bundle}/log.json`,
          ...(criuConfig !== undefined && { env: { [CRIU_CONFIG_VARIABLE]: criuConfig } }),
        }),
    );
  }

  /**
   * Returns the state of a container as the runtime sees it; undefined if it knows none of this id.
   */
  async state(id: string, options: RuntimeCallOptions = {}): Promise<OciState | undefined> {
    const call: RuncCall = { subcommand: "state", id, args: ["state", id], output: "stdout" };
    let text: string;
    try {
      text = await this.#call(call, options);
    } catch (error) {
      // Not when it could not say: it is not there, or was killed.
      const answered = error instanceof RuntimeError && !couldNotStart(error);
      if (answered && !this.#has(id)) return undefined;
      throw error;
    }
    return parseState(text);
  }

  /**
   * Returns the runtime's features as JSON (OCI runtime spec, "Features"); not every runtime knows.
   */
  async features(): Promise<string> {
    return await this.#call({ subcommand: "features", args: ["features"], output: "stdout" });
  }

  /** Returns the name and version that the runtime reports. */
  async version(options?: RuntimeCallOptions): Promise<RuntimeVersion> {
    const call: RuncCall = { subcommand: "--version", args: ["--version"], output: "stdout" };
    return parseVersion(await this.#call(call, options));
  }

  /**
   * Returns whether the runtime keeps anything of the container: runc, crun and youki all have a
   * directory `<root>/<id>`, and each says in its own words that there is none.
   */
  #has(id: string): boolean {
    return exists(`${this.#context.root}/${id}`);
  }

  #control(
    subcommand: string,
    id: string,
    flags: readonly string[],
    options?: RuntimeCallOptions,
  ): Promise<string> {
    const args = [subcommand, ...flags, id];
    return this.#call({ subcommand, id, args, output: "quiet" }, options);
  }

  async #startProcess(
    subcommand: string,
    args: readonly string[],
    options: RuntimeCallOptions & ProcessStdio & {
      readonly id: string;
      readonly pidFile: string;
      readonly oomScoreAdj?: number | undefined;
      readonly fds?: readonly number[] | undefined;
      readonly env?: Readonly<Record<string, string>>;
    },
  ): Promise<void> {
    const { id, pidFile, stdin, stdout, stderr, consoleSocket, oomScoreAdj, fds, env } = options;
    const socket = consoleSocket === undefined ? [] : ["--console-socket", consoleSocket];
    try {
      await this.#call({
        subcommand,
        id,
        args: [...args, ...socket, id],
        // The process of a terminal has that, and not the runtime's own stderr.
        output: consoleSocket === undefined ? "inherit" : "quiet",
        stdin,
        stdout,
        stderr,
        oomScoreAdj,
        fds,
        env,
      }, options);
    } catch (error) {
      // Where it was given up, the file may be that of the next one.
      if (!options.signal?.aborted) tryRemoveDraft(pidFile);
      throw error;
    }
  }

  #call(call: RuncCall, options: RuntimeCallOptions = {}): Promise<string> {
    return runCall(this.#context, call, options);
  }
}

/** Removes the file that runc writes a pid to before it renames it. On a full disk runc leaves it, and fails by it. */
function tryRemoveDraft(pidFile: string): void {
  try {
    removeFile(`${parentDir(pidFile)}/.${baseName(pidFile)}`);
  } catch {
    // The runtime's own error is the one to be told, and may have the same cause.
  }
}
