// SPDX-License-Identifier: MIT
import { within } from "./poll.ts";
import { rootfsDir } from "./rootfs.ts";
import { program } from "./run.ts";
import type { TestDaemon } from "./daemon.ts";

/** How a command of `berth` ended, and its output. */
export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Standard input, environment and working directory of a command. */
export interface CliOptions {
  /** Text or bytes for its standard input; left out: none. */
  readonly stdin?: string | Uint8Array<ArrayBuffer>;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** The command for `Deno.Command` that runs `berth` against the daemon. */
export function cliCommand(
  daemon: TestDaemon,
  args: readonly string[],
  options: Deno.CommandOptions = {},
): Deno.Command {
  const [command = "", ...first] = program();
  return new Deno.Command(command, {
    cwd: daemon.dir,
    ...options,
    args: [...first, ...args],
    env: { BERTH_SOCKET: daemon.socket, ...options.env },
  });
}

/** Runs `berth` with these arguments and waits for it. */
export async function cli(
  daemon: TestDaemon,
  args: readonly string[],
  options: CliOptions = {},
): Promise<CliResult> {
  const child = cliCommand(daemon, args, {
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    ...(options.env && { env: { ...options.env } }),
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  }).spawn();
  if (options.stdin !== undefined) {
    const bytes = typeof options.stdin === "string"
      ? new TextEncoder().encode(options.stdin)
      : options.stdin;
    const writer = child.stdin.getWriter();
    writer.write(bytes).then(() => writer.close()).catch(() => {
      // A command that does not read its input has ended before it was written.
    });
  }
  const { code, stdout, stderr } = await within(`berth ${args.join(" ")}`, child.output(), 300_000);
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs `berth` with these arguments, which has to succeed; returns what it printed. */
export async function ok(daemon: TestDaemon, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(daemon, args);
  if (code !== 0) throw new Error(`berth ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** The last words of `berth run` and the like, which have a container run a shell script. */
export function sh(script: string): string[] {
  return ["--", "sh", "-c", script];
}

/** The arguments that have `berth run` and `create` use the test's rootfs and cgroup. */
export function rootfsArgs(daemon: TestDaemon): string[] {
  return ["--rootfs", rootfsDir(), "--cgroup-parent", daemon.cgroup];
}

/** Runs a command in a container that stays, by `berth run -d`. */
export async function runDetached(
  daemon: TestDaemon,
  name: string,
  ...argv: readonly string[]
): Promise<void> {
  await ok(daemon, "run", "-d", "--name", name, ...rootfsArgs(daemon), "--", ...argv);
}

/** Reads lines of which each is a JSON object. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text.trim().split("\n").map((line) => JSON.parse(line));
}
