// SPDX-License-Identifier: MIT
import type { Poller } from "../linux/poller.ts";
import { kill } from "../linux/process.ts";
import type { Reaper } from "../linux/reaper.ts";
import type { BundlePaths, BundleRecord } from "../oci/bundle.ts";
import { BerthError, FailedPreconditionError, RuntimeError } from "../rpc/errors.ts";
import type { Runc } from "../oci/runc.ts";
import { AdoptedProcess } from "./adopted_process.ts";
import { AdoptedStdio } from "./adopted_stdio.ts";
import { readExitRecord } from "./exit_record.ts";
import { openIo } from "./io.ts";
import { killUnlessExited } from "./kill.ts";
import type { Watched } from "./kill.ts";
import type { InitAction, InitState, ProcessExit } from "./init_states.ts";
import { nextState, wrongState } from "./init_states.ts";
import { readPidFile, removeFile, tryReadPidFile } from "./pid_file.ts";
import type { ProcessIo } from "./process_io.ts";
import { mountRootfs, unmountRootfs } from "./rootfs.ts";
import { unseenExit } from "./watch.ts";

/** How often a pause is tried where the container does not freeze in the time it is given. */
const MAX_PAUSE_ATTEMPTS = 10;

/** What the processes of one container are made with. */
export interface ProcessContext {
  readonly record: BundleRecord;
  readonly paths: BundlePaths;
  readonly runc: Runc;
  readonly reaper: Reaper;
  readonly poller: Poller;
  /** Writes a line for a person to read to the shim's log. */
  readonly log: (message: string) => void;
}

/**
 * A container and its init process: what has to be made for it and undone, and in which state it is.
 * Callers hold the container's lock.
 */
export class InitProcess {
  readonly #context: ProcessContext;
  #state: InitState = { name: "none" };
  #io: ProcessIo | undefined;
  #adopted: AdoptedProcess | undefined;

  constructor(context: ProcessContext) {
    this.#context = context;
  }

  /** The current state. */
  get state(): InitState {
    return this.#state;
  }

  /** Init's pid; 0 where there is none yet. */
  get pid(): number {
    return "pid" in this.#state ? this.#state.pid : 0;
  }

  /** Its input and output, until it is deleted. */
  get io(): ProcessIo | undefined {
    return this.#io;
  }

  /** @throws {FailedPreconditionError} if `action` is not allowed in the current state. */
  check(action: InitAction): void {
    nextState(this.#context.record.id, this.#state.name, action);
  }

  /**
   * Mounts the rootfs and creates the container. Answers the exit of its init, which may have
   * happened already; undefined for one that a restore will start. On failure nothing is left.
   */
  async create(): Promise<Watched | undefined> {
    const { record, paths } = this.#context;
    this.check("create");
    this.#state = { name: "creating" };
    // Init can die before its pid is known.
    using _kept = this.#context.reaper.keepUnclaimed();
    try {
      await mountRootfs(record.id, paths.rootfs, record.rootfs);
      this.#io = openIo(record.stdio, paths.dir, "init.tty", this.#context.poller);
      if (record.checkpoint !== undefined) {
        this.#state = { name: "created", pid: 0 };
        return undefined;
      }
      return await this.#runCreate(this.#io);
    } catch (error) {
      const undone = await this.#undoCreate(error);
      if (!undone && error instanceof BerthError) error.data["undone"] = false;
      throw error;
    }
  }

  async #runCreate(io: ProcessIo): Promise<Watched> {
    const { record, paths, runc, reaper } = this.#context;
    await runc.create({
      id: record.id,
      bundle: paths.dir,
      pidFile: paths.initPid,
      log: paths.log,
      noPivot: record.noPivot,
      ...stdioOptions(io),
    });
    const pid = readPidFile(record.id, paths.initPid);
    io.started();
    this.#state = { name: "created", pid };
    return { exited: reaper.watch(pid) };
  }

  /**
   * Takes over what a shim that has died left: answers how init has ended, or what to watch for
   * its end. A create that was cut short is undone.
   */
  async adopt(): Promise<{ readonly exit?: ProcessExit; readonly watched?: Watched }> {
    const { record, paths, runc, reaper, poller } = this.#context;
    const pid = tryReadPidFile(paths.initPid) ?? 0;
    const recorded = readExitRecord(paths.exitRecord, record.instance);
    if (recorded !== undefined) {
      const { instance: _, pid: exitPid, ...exit } = recorded;
      this.#found("stopped", exitPid);
      return { exit };
    }
    if (pid === 0 && record.checkpoint !== undefined) {
      this.#io = openIo(record.stdio, paths.dir, "init.tty", poller);
      this.#state = { name: "created", pid };
      return {};
    }
    let status = "";
    // Where the runtime says that it is alive it has compared its start time.
    const lives = async () => {
      status = (await runc.state(record.id))?.status ?? "";
      return status === "created" || status === "running" || status === "paused";
    };
    const process = pid === 0 ? undefined : await AdoptedProcess.open(pid, poller, lives);
    if (process !== undefined) {
      this.#found(status, pid);
      if (!isChild(pid)) {
        this.#adopted = process;
        return { watched: process };
      }
      process[Symbol.dispose]();
      return { watched: { exited: reaper.watch(pid) } };
    }
    if (
      pid !== 0 && (status === "" ? await runc.state(record.id) : { status })?.status === "stopped"
    ) {
      this.#found("stopped", pid);
      return { exit: unseenExit() };
    }
    if (await this.#undoCreate(undefined)) return {};
    throw new FailedPreconditionError(
      `container ${record.id}: what is left of its create cannot be removed yet`,
      { data: { id: record.id } },
    );
  }

  /** One that has ended still is what it was until its end is told. */
  #found(status: string, pid: number): void {
    const { stdio } = this.#context.record;
    this.#io = new AdoptedStdio(stdio, status !== "stopped");
    this.#state = status === "running" || status === "paused"
      ? { name: status, pid }
      : { name: "created", pid };
  }

  /**
   * Signals init while it lives.
   *
   * @throws {LinuxError} ESRCH if it has been reaped, which is about to be told.
   */
  signal(signal: number): void {
    if (this.#adopted !== undefined) this.#adopted.signal(signal);
    // The kernel cannot give this pid to another process: it is our child, and not reaped yet.
    else kill(this.pid, signal);
  }

  /** Undoes whatever of create has been done; answers whether all of it could be. */
  async #undoCreate(cause: unknown): Promise<boolean> {
    const { record, paths, runc } = this.#context;
    let undone = true;
    const step = async (what: string, undo: () => Promise<void> | void) => {
      try {
        await undo();
      } catch (error) {
        undone = false;
        this.#context.log(`undoing the create of ${record.id}: ${what}: ${error}`);
      }
    };
    const called = !(cause instanceof RuntimeError && cause.data["exitCode"] === -1);
    const begun = this.#io !== undefined || this.#state.name === "none";
    if (begun && record.checkpoint === undefined && called) {
      await step("delete", async () => {
        try {
          await runc.delete(record.id, { force: true });
        } catch (error) {
          // What cannot even delete may be no runtime at all, and has made nothing.
          if (!(cause instanceof RuntimeError) || this.#hasTrace()) throw error;
        }
      });
      // A pid that another shim left proves nothing; the runtime has compared its start time.
      if (this.#state.name !== "none") await step("kill", () => this.#killCreated());
    }
    await step("stdio", () => this.#io?.close());
    await step("unmount", () => unmountRootfs(record.id, paths.rootfs, record.rootfs));
    await step("pid file", () => removeFile(paths.initPid));
    this.#io = undefined;
    this.#state = { name: "none" };
    return undone;
  }

  /** Whether the runtime has left anything of the container: a pid, or state under its root. */
  #hasTrace(): boolean {
    const { record, paths } = this.#context;
    if (tryReadPidFile(paths.initPid) !== undefined) return true;
    try {
      return Array.from(Deno.readDirSync(record.runtimeRoot))
        .some(({ name }) => name.startsWith(record.id));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  /** In case the runtime could not: only what is known to be this process's child. */
  async #killCreated(): Promise<void> {
    const pid = tryReadPidFile(this.#context.paths.initPid);
    if (pid === undefined) return;
    await killUnlessExited(pid, { exited: this.#context.reaper.watch(pid) });
  }

  /**
   * Starts the process. Answers the exit of an init that a restore has brought to life, which
   * nobody watches yet.
   */
  async start(): Promise<Watched | undefined> {
    this.check("start");
    const { record, runc } = this.#context;
    let watched: Watched | undefined;
    if (record.checkpoint === undefined) await runc.start(record.id);
    else watched = await this.#restore(record.checkpoint);
    const startedAt = new Date().toISOString();
    const state = this.#state;
    // It can have ended while the runtime was still on its way back.
    if (state.name === "created") this.#state = { name: "running", pid: state.pid, startedAt };
    else if (state.name === "stopped") this.#state = { ...state, startedAt };
    return watched;
  }

  async #restore(imagePath: string): Promise<Watched> {
    const { record, paths, runc, reaper } = this.#context;
    const io = this.#io;
    if (io === undefined) throw wrongState(record.id, "restore", this.#state.name);
    using _kept = reaper.keepUnclaimed();
    await runc.restore({
      id: record.id,
      bundle: paths.dir,
      imagePath,
      pidFile: paths.initPid,
      log: paths.log,
      noPivot: record.noPivot,
      ...stdioOptions(io),
    });
    const pid = readPidFile(record.id, paths.initPid);
    io.started();
    this.#state = { name: "created", pid };
    return { exited: reaper.watch(pid) };
  }

  /** Freezes every process of the container; false if it ended meanwhile. */
  async pause(): Promise<boolean> {
    this.check("pause");
    for (let attempt = 1; !await this.#freeze(attempt); attempt++);
    return this.frozen();
  }

  /** False if it is worth another attempt. */
  async #freeze(attempt: number): Promise<boolean> {
    try {
      await this.#context.runc.pause(this.#context.record.id);
      return true;
    } catch (error) {
      // runc gives a v1 freezer a fraction of a second, which on a busy machine may be too short.
      const early = error instanceof RuntimeError && error.message.includes("unable to freeze");
      if (!early || attempt === MAX_PAUSE_ATTEMPTS) throw error;
      return false;
    }
  }

  /** Thaws it; false if it ended meanwhile. */
  async resume(): Promise<boolean> {
    this.check("resume");
    await this.#context.runc.resume(this.#context.record.id);
    return this.thawed();
  }

  /** It was found frozen. Answers whether that is news. */
  frozen(): boolean {
    if (this.#state.name !== "running") return false;
    this.#state = { ...this.#state, name: "paused" };
    return true;
  }

  /** It was found not to be frozen. Answers whether that is news. */
  thawed(): boolean {
    if (this.#state.name !== "paused") return false;
    this.#state = { ...this.#state, name: "running" };
    return true;
  }

  /** Init has ended. */
  exited(exit: ProcessExit): void {
    this.check("exit");
    const startedAt = "startedAt" in this.#state ? this.#state.startedAt : undefined;
    this.#state = {
      name: "stopped",
      pid: this.pid,
      exit,
      ...(startedAt === undefined ? {} : { startedAt }),
    };
    try {
      this.#io?.exited();
    } catch (error) {
      // That it has ended is told whatever becomes of its stdio.
      this.#context.log(`stdio of the ended process ${this.pid}: ${error}`);
    }
  }

  /** Removes the container from the OCI runtime and unmounts its rootfs. Can be done again. */
  async delete(): Promise<void> {
    this.check("delete");
    const { record, paths, runc } = this.#context;
    // With force it is no error that the runtime does not know it (any more).
    await runc.delete(record.id, { force: true });
    await unmountRootfs(record.id, paths.rootfs, record.rootfs);
    await this.#io?.close();
    this.#io = undefined;
    if (this.#state.name === "stopped") this.#state = { ...this.#state, name: "deleted" };
  }

  /** Lets go of its stdio without touching the container. */
  async release(): Promise<void> {
    this.#adopted?.[Symbol.dispose]();
    await this.#io?.close();
    this.#io = undefined;
  }
}

/** Whether it is this process that will reap it. */
function isChild(pid: number): boolean {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return new RegExp(`^PPid:\\s+${Deno.pid}$`, "m").test(status);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The stdio part of what the OCI runtime is asked. */
export function stdioOptions(
  io: ProcessIo,
): { stdin?: number; stdout?: number; stderr?: number; consoleSocket?: string } {
  return {
    ...io.fds,
    ...(io.consoleSocket === undefined ? {} : { consoleSocket: io.consoleSocket }),
  };
}
