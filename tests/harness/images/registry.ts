// SPDX-License-Identifier: MIT
import { run } from "../command.ts";
import { freePort } from "../free_port.ts";
import { until } from "../poll.ts";
import { signalChild } from "../processes.ts";
import { copyImage } from "./images.ts";

/** A registry of images on the loopback interface, which serves until it is disposed of. */
export class TestRegistry implements AsyncDisposable {
  /** Such as `127.0.0.1:40001`. */
  readonly address: string;
  readonly #process: Deno.ChildProcess;

  private constructor(address: string, process: Deno.ChildProcess) {
    this.address = address;
    this.#process = process;
  }

  /**
   * Starts one whose files are below `dir`; with `password`, for `user` alone; with `auth`, for whom that
   * section of the config lets in; with `tls`, for HTTPS alone.
   */
  static async start(
    dir: string,
    password?: string,
    { auth = "", tls }: {
      readonly auth?: string;
      readonly tls?: { readonly certificate: string; readonly key: string };
    } = {},
  ): Promise<TestRegistry> {
    const config = `${dir}/registry.yml`;
    const secure = tls ? `, tls: {certificate: "${tls.certificate}", key: "${tls.key}"}` : "";
    if (password !== undefined) {
      const line = await run(["htpasswd", "-Bbn", "user", password]);
      Deno.writeTextFileSync(`${dir}/htpasswd`, line);
      auth = `auth: {htpasswd: {realm: test, path: ${dir}/htpasswd}}\n`;
    }
    // A port that was free may be another's by now: then the registry ends at once.
    return await until("a registry that listens", async () => {
      const port = freePort();
      Deno.writeTextFileSync(
        config,
        `version: 0.1\nlog: {level: error}\nhttp: {addr: "127.0.0.1:${port}"${secure}}\n` +
          `storage: {filesystem: {rootdirectory: ${dir}/registry}}\n${auth}`,
      );
      const process = new Deno.Command("docker-registry", {
        args: ["serve", config],
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).spawn();
      let ended = false;
      process.status.then(() => ended = true);
      const listens = await until("the registry", async () => {
        if (ended) return "ended";
        try {
          const signal = AbortSignal.timeout(5_000);
          await (await fetch(`http://127.0.0.1:${port}/v2/`, { signal })).body?.cancel();
          return "listens";
        } catch {
          // It does not listen yet.
          return undefined;
        }
      });
      return listens === "listens" && new TestRegistry(`127.0.0.1:${port}`, process);
    });
  }

  /** Puts an image there; returns its reference. */
  async push(source: string, name: string, password?: string): Promise<string> {
    const target = `${this.address}/${name}`;
    const creds = password === undefined ? [] : ["--dest-creds", `user:${password}`];
    // Of a list, every image of it.
    const options = ["--all", "--dest-tls-verify=false", ...creds];
    await copyImage(source, `docker://${target}`, ...options);
    return target;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    signalChild(this.#process, "SIGKILL");
    await this.#process.status;
  }
}
