// SPDX-License-Identifier: MIT
import { type Command, Option } from "commander";
import { knownCapabilities } from "../../oci/spec/capabilities.ts";
import { resolveUser } from "../../oci/spec/passwd.ts";
import type { OciProcess } from "../../rpc/contract/schemas.ts";
import { addAlias, afterSeparator, collect, verb, withSocket } from "../common/command.ts";
import { readOptionFiles } from "../create/option_files.ts";
import { collectEnv, environmentOf } from "../options/environment.ts";
import type { ContainerOptions } from "../options/options.ts";
import { makeAbsolute } from "../../linux/fs/path_names.ts";
import { type DaemonConnection, withDaemon } from "../common/daemon.ts";
import { CliError } from "../common/exit_status.ts";
import { rootPathIn } from "../container/root_path.ts";
import { Interruption } from "../common/interruptible.ts";
import { detachKeysOf, withDetachKeys } from "../process_io/detach_keys.ts";
import { FifoStreams } from "../process_io/fifo_streams.ts";
import { exitAfter, runSession } from "../process_io/session.ts";
import { SignalForwarder } from "../process_io/signal_forwarder.ts";
import { print } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

interface ExecFlags extends
  Pick<
    ContainerOptions,
    "interactive" | "tty" | "env" | "envFile" | "workdir" | "user" | "privileged"
  > {
  readonly detach?: true;
  readonly execId?: string;
  readonly detachKeys?: string;
}

/** `berth exec` */
export function execCommand(): Command {
  const workdir = new Option("-w, --workdir <dir>", "working directory");
  const command = withDetachKeys(withSocket(verb(
    "exec",
    VERBS.exec.summary,
    "berth exec -it web sh",
    "berth exec -u 1000:1000 -w /tmp web -- id",
  )))
    .passThroughOptions()
    .option("-i, --interactive", "pass standard input on")
    .option("-t, --tty", "give the process a terminal")
    .option("-d, --detach", "run in the background: print the exec id, discard the output")
    .option("-e, --env <k=v>", "environment variable besides the container's", collectEnv)
    .option("--env-file <file>", "file of environment variables", collect)
    .addOption(workdir)
    .option("-u, --user <user>", "user[:group], names or numbers")
    .option("--privileged", "give all capabilities, and let programs gain privileges")
    .option("--exec-id <id>", "id of the process; default: a random one")
    .argument("<id>", "container")
    .argument("<command...>", "what to run")
    .action(async (id: string, args: string[], options: ExecFlags, command: Command) => {
      const detachKeys = detachKeysOf(options.detachKeys);
      await withDaemon(command, async (daemon) => {
        // Signals to the process wait for it; before it is made they end this command.
        using interruption = new Interruption();
        const { signal } = interruption;
        const { env: ofFiles } = await readOptionFiles(options, signal);
        const execId = options.execId ?? `exec-${crypto.randomUUID().slice(0, 8)}`;
        const about = { ...options, ofFiles, signal };
        const process = await processOf(daemon, id, afterSeparator(args), about);
        if (options.detach) {
          const terminal = options.tty ?? false;
          await daemon.call("container.exec", { id, execId, process, terminal }, { signal });
          return print(execId);
        }
        using signals = new SignalForwarder(`${execId} may still come to run in ${id}`);
        interruption[Symbol.dispose]();
        signal.throwIfAborted();
        // Absolute, since the daemon opens files there, too.
        const temporary = makeAbsolute(Deno.env.get("TMPDIR") || "/tmp");
        const dir = await Deno.makeTempDir({ dir: temporary, prefix: "berth-exec-" });
        try {
          using streams = FifoStreams.make(dir, {
            stdin: options.interactive ?? false,
            terminal: options.tty ?? false,
          });
          const start = async (giveUp: AbortSignal) => {
            const params = { id, execId, process, ...streams.params };
            await daemon.call("container.exec", params, { signal: giveUp });
          };
          const target = { daemon, id, execId, streams, signals, detachKeys, start };
          const end = await runSession(target);
          if (end.how === "exited") await forget(daemon, id, execId);
          exitAfter(end, { id, execId });
        } finally {
          // Both sides have the FIFOs open, which outlive their names.
          await Deno.remove(dir, { recursive: true });
        }
      });
    });
  return addAlias(command, "--cwd <dir>", workdir);
}

/** Deletes the exited process from the daemon. Its status is printed even if that fails. */
async function forget(daemon: DaemonConnection, id: string, execId: string): Promise<void> {
  try {
    await daemon.call("container.deleteProcess", { id, execId });
  } catch {
    // The container or its shim is gone, and the process with it; or it goes with the container.
  }
}

async function processOf(
  daemon: DaemonConnection,
  id: string,
  args: readonly string[],
  options: ExecFlags & { readonly ofFiles: readonly string[]; readonly signal: AbortSignal },
): Promise<OciProcess> {
  if (args.length === 0) throw new CliError("say which command to run");
  const { signal, user } = options;
  const env = environmentOf(options);
  return {
    args: [...args],
    env: env.length > 0 ? env : undefined,
    cwd: options.workdir || undefined,
    user: user ? await userOf(daemon, id, user, signal) : undefined,
    ...(options.privileged && privileges()),
    consoleSize: options.tty && Deno.stdout.isTerminal() ? consoleSize() : undefined,
  };
}

/** Returns what `--privileged` adds; the seccomp filter and the AppArmor profile are the container's. */
function privileges() {
  const all = knownCapabilities();
  return {
    capabilities: { bounding: all, effective: all, permitted: all },
    noNewPrivileges: false,
  };
}

/** Returns the user, by the container's files unless it is numbers; only root may read the files. */
async function userOf(
  daemon: DaemonConnection,
  id: string,
  user: string,
  signal: AbortSignal,
): Promise<NonNullable<OciProcess["user"]>> {
  const [, uid, gid] = /^(\d{1,9}):(\d{1,9})$/.exec(user) ?? [];
  if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  try {
    const { bundle } = await daemon.call("container.state", { id }, { signal });
    return resolveUser(rootPathIn(bundle), user);
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    throw new CliError(
      `only root may look up ${user} in ${id}: give user and group as numbers, such as 1000:1000`,
      { cause: error },
    );
  }
}

function consoleSize(): { height: number; width: number } {
  const { columns: width, rows: height } = Deno.consoleSize();
  return { height, width };
}
