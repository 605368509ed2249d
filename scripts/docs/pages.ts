// SPDX-License-Identifier: MIT
import { daemonContract, daemonErrors, eventNotification } from "../../src/rpc/contract/daemon.ts";
import { openrpcDocument } from "../../src/rpc/contract/openrpc.ts";
import type { OpenRpcDocument } from "../../src/rpc/contract/openrpc.ts";
import { shimContract, shimErrors, shimEventNotification } from "../../src/rpc/contract/shim.ts";
import { VERSION } from "../../src/version.ts";
import { ROOT } from "../root.ts";
import { cliPage } from "./cli_page.ts";
import { clientTypes } from "./client_types.ts";
import { configPage } from "./config_page.ts";
import type { Examples } from "./examples.ts";
import { errorsSection, methodsPage } from "./methods_page.ts";

const METHODS_INTRO = `# Daemon methods

JSON-RPC 2.0 on \`<state>/berth.sock\`: one message per line, UTF-8, at most 16 MiB; params by name; batches
allowed. Calls of one connection run at once, and answers come as they are ready. \`rpc.discover\` answers
this reference as an [OpenRPC document](../openrpc.json).

The examples were run: what differs from run to run (pids, times, directories) was made the same.`;

const SHIM_INTRO = `# Shim methods

A shim listens on \`<bundle>/shim.sock\`, mode 0600, and speaks as the daemon does. The socket says which
container. Only the daemon calls it in normal use; \`berth shim VERB --bundle DIR\` is for people, and
works while no daemon runs. What is done behind the daemon's back it learns by the shim's events.`;

/** The OpenRPC document that the daemon answers to `rpc.discover`. */
export function openrpc(): OpenRpcDocument {
  return openrpcDocument(daemonContract, {
    title: "berth",
    version: VERSION,
    errors: daemonErrors,
    notifications: [eventNotification],
  });
}

/** Every file that is made, by its path in the repository. */
export async function generatedFiles(examples: Examples): Promise<Map<string, string>> {
  const files: Readonly<Record<string, string>> = {
    "docs/reference/methods.md": methodsPage({
      intro: `${METHODS_INTRO}\n\n${errorsSection(daemonErrors)}\n\n## Methods`,
      contract: daemonContract,
      examples: examples.daemon,
      notification: eventNotification,
      notified: examples.event,
    }),
    "docs/reference/shim.md": methodsPage({
      intro: `${SHIM_INTRO}\n\n${errorsSection(shimErrors)}\n\n## Methods`,
      contract: shimContract,
      examples: examples.shim,
      notification: shimEventNotification,
      notified: examples.shimEvent,
    }),
    "docs/reference/config.md": configPage(),
    "docs/reference/cli.md": cliPage(),
    "docs/openrpc.json": JSON.stringify(openrpc()),
    "src/client/daemon_types.ts": clientTypes(),
  };
  const formatted = new Map<string, string>();
  for (const [path, text] of Object.entries(files)) {
    const isMarkdown = path.endsWith(".md");
    const note = "<!-- Made by `deno task docs`: do not edit. -->\n\n";
    formatted.set(path, await format(path, isMarkdown ? note + text : text));
  }
  return formatted;
}

/** Lays out a file as `deno task ok` wants it. */
export async function format(path: string, text: string): Promise<string> {
  const extension = path.slice(path.lastIndexOf(".") + 1);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--config", `${ROOT}/deno.json`, "--ext", extension, "-"],
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(`${path}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** Those of the files that are not, in the repository, what they would be made to. */
export async function staleFiles(files: ReadonlyMap<string, string>): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, text] of files) {
    const current = await Deno.readTextFile(`${ROOT}/${path}`).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    });
    if (current !== text) stale.push(path);
  }
  return stale;
}
