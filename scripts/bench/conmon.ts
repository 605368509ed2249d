// SPDX-License-Identifier: MIT
import { run } from "../../tests/harness/command.ts";
import { sizeOf } from "../../src/linux/fs/size_of.ts";
import { until } from "../../tests/harness/poll.ts";
import { findCommand } from "../system_packages.ts";
import type { JsonObject } from "../../tests/harness/rootfs.ts";
import type { EngineContainerOptions } from "./engine.ts";

/** conmon driven directly, as podman and CRI-O do: one for each container, with a k8s-file log. */
export class Conmon {
  readonly name = "bare";
  readonly version: string;
  readonly #conmon: string;
  readonly #runc: string;
  readonly #dir: string;
  #pid = 0;

  private constructor(conmon: string, dir: string, runc: string, version: string) {
    this.#conmon = conmon;
    this.#dir = dir;
    this.#runc = runc;
    this.version = version;
  }

  /** Uses the conmon in PATH and the runc at path `runc`; undefined where there is no conmon. */
  static async find(dir: string, runc: string): Promise<Conmon | undefined> {
    const conmon = findCommand("conmon");
    if (conmon === undefined) return undefined;
    await Deno.mkdir(`${dir}/sockets`, { recursive: true });
    const [version = "conmon"] = (await run([conmon, "--version"])).split("\n");
    return new Conmon(conmon, dir, runc, version.replace("version ", ""));
  }

  async create(id: string, spec: JsonObject, { log = "" }: EngineContainerOptions): Promise<void> {
    const bundle = `${this.#dir}/${id}`;
    Deno.mkdirSync(bundle);
    Deno.writeTextFileSync(`${bundle}/config.json`, JSON.stringify(spec));
    const { success, stderr } = await new Deno.Command(this.#conmon, {
      args: [
        ...["-c", id, "-u", id, "-n", id, "-r", this.#runc, "-b", bundle],
        ...["-l", `k8s-file:${log}`, "-p", `${bundle}/pid`, "-P", `${bundle}/conmon.pid`],
        ...[
          "--exit-dir",
          bundle,
          "--socket-dir-path",
          `${this.#dir}/sockets`,
          "--runtime-arg=--root",
          `--runtime-arg=${this.#root}`,
        ],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(`conmon: ${new TextDecoder().decode(stderr)}`);
    await until("the container's pid", () => sizeOf(`${bundle}/pid`) > 0, { everyMs: 5 });
    this.#pid = Number(Deno.readTextFileSync(`${bundle}/conmon.pid`));
  }

  get #root(): string {
    return `${this.#dir}/root`;
  }

  /** Returns the pid of the conmon of the container that was created last. */
  shimPids(): Promise<readonly number[]> {
    return Promise.resolve([this.#pid]);
  }

  async start(id: string): Promise<void> {
    await this.#run("start", id);
  }

  /** Resolves when conmon has written down the exit, which is the last that it does. */
  async wait(id: string): Promise<void> {
    await until("the exit", () => sizeOf(`${this.#dir}/${id}/${id}`) > 0, { everyMs: 20 });
  }

  async kill(id: string, signal: number): Promise<void> {
    await this.#run("kill", id, String(signal));
  }

  async delete(id: string): Promise<void> {
    await this.#run("delete", "--force", id);
    Deno.removeSync(`${this.#dir}/${id}`, { recursive: true });
  }

  async #run(...args: string[]): Promise<void> {
    const { success, stderr } = await new Deno.Command(this.#runc, {
      args: ["--root", this.#root, ...args],
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(`runc ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  }
}
