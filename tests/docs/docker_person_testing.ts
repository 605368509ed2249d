// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cli, type CliResult, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { PtyProcess } from "../harness/io/pty.ts";
import { program } from "../harness/run.ts";

/** A person at a shell whose berth is the one under test. */
export class Person {
  readonly daemon: TestDaemon;

  constructor(daemon: TestDaemon) {
    this.daemon = daemon;
  }

  /** Types a line; ROOTFS in it is where the tests' root filesystem and cgroup are. */
  async types(line: string, ...more: string[]): Promise<CliResult> {
    return await cli(this.daemon, this.#words(line, more), { cwd: this.daemon.dir });
  }

  /** Types a line that has to succeed, and returns what it printed. */
  async sees(line: string, ...more: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.types(line, ...more);
    assert.equal(code, 0, `${line}: ${stderr}`);
    return stdout;
  }

  /** Types a line that berth has to refuse with this message. */
  async isRefused(line: string, message: RegExp): Promise<void> {
    const { code, stderr } = await this.types(line);
    assert.equal(code, 125, line);
    assert.match(stderr, message, line);
  }

  /** Types a line at a terminal. */
  sits(line: string, ...more: string[]): PtyProcess {
    return new PtyProcess([...program(), ...this.#words(line, more)], {
      env: { BERTH_SOCKET: this.daemon.socket, PATH: Deno.env.get("PATH") ?? "" },
      cwd: this.daemon.dir,
      width: 80,
      height: 24,
    });
  }

  #words(line: string, more: readonly string[]): string[] {
    const words = line.split(" ")
      .flatMap((word) => word === "ROOTFS" ? rootfsArgs(this.daemon) : [word]);
    return [...words, ...more];
  }
}

export type Check = (person: Person) => Promise<void>;

const UNKNOWN = /unknown (option|command)/;

/** Makes a check that berth has none of these. */
export function unknown(...lines: string[]): Check {
  return async (person) => {
    for (const line of lines) await person.isRefused(line, UNKNOWN);
  };
}
