// SPDX-License-Identifier: MIT
import { run } from "../../tests/harness/command.ts";
import { Pidfd } from "../../src/linux/process/pidfd.ts";
import { Poller } from "../../src/linux/fd/poller.ts";
import { Reaper } from "../../src/linux/process/reaper.ts";
import type { Child, SpawnOptions } from "../../src/linux/process/reaper.ts";
import type { JsonObject } from "../../tests/harness/rootfs.ts";
import type { Engine } from "./engine.ts";

/**
 * runc by itself, started as cheaply as this process can (posix_spawn); exits are seen on a pidfd.
 * What an engine adds to it is that engine's own cost.
 */
export class BareRunc implements Engine, AsyncDisposable {
  readonly name = "bare";
  readonly version: string;
  readonly #runc: string;
  readonly #dir: string;
  // Deno.Command is in use too, and a Reaper that takes every exit would take its children's.
  readonly #reaper = Reaper.start({ reapAll: false });
  readonly #poller = new Poller();
  readonly #pidfds = new Map<string, Pidfd>();

  private constructor(dir: string, runc: string, version: string) {
    this.#dir = dir;
    this.#runc = runc;
    this.version = version;
  }

  /** Uses the runc at path `runc`, with bundles and its root below `dir`, which is made. */
  static async open(dir: string, runc: string): Promise<BareRunc> {
    await Deno.mkdir(dir);
    const [version = "runc"] = (await run([runc, "--version"])).split("\n");
    return new BareRunc(dir, runc, version.replace("version ", ""));
  }

  /** Starts another program as cheaply as runc. */
  spawn(argv: readonly string[], options?: SpawnOptions): Child {
    return this.#reaper.spawn(argv, options);
  }

  async create(id: string, spec: JsonObject): Promise<number> {
    const bundle = `${this.#dir}/${id}`;
    Deno.mkdirSync(bundle);
    Deno.writeTextFileSync(`${bundle}/config.json`, JSON.stringify(spec));
    await this.#run("create", "--bundle", bundle, "--pid-file", `${bundle}/pid`, id);
    const pid = Number(Deno.readTextFileSync(`${bundle}/pid`));
    this.#pidfds.set(id, Pidfd.open(pid));
    return pid;
  }

  async start(id: string): Promise<void> {
    await this.#run("start", id);
  }

  async wait(id: string): Promise<void> {
    const pidfd = this.#pidfds.get(id);
    if (pidfd === undefined) throw new Error(`wait for ${id}: no such container`);
    await this.#poller.wait(pidfd.fd, "readable");
  }

  async delete(id: string): Promise<void> {
    this.#pidfds.get(id)?.[Symbol.dispose]();
    this.#pidfds.delete(id);
    await this.#run("delete", id);
    Deno.removeSync(`${this.#dir}/${id}`, { recursive: true });
  }

  async exec(id: string, _execId: string, args: readonly string[]): Promise<void> {
    await this.#run("exec", id, ...args);
  }

  deleteExec(): Promise<void> {
    return Promise.resolve();
  }

  async kill(id: string, signal: number): Promise<void> {
    await this.#run("kill", id, String(signal));
  }

  async #run(...args: string[]): Promise<void> {
    const child = this.#reaper.spawn([this.#runc, "--root", `${this.#dir}/root`, ...args]);
    const { status } = await child.exited;
    if (status !== 0) throw new Error(`runc ${args.join(" ")} ended with ${status}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pidfd of this.#pidfds.values()) pidfd[Symbol.dispose]();
    await this.#poller[Symbol.asyncDispose]();
    this.#reaper[Symbol.dispose]();
  }
}
