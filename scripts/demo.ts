// SPDX-License-Identifier: MIT
//
// `deno task demo`: a daemon in a directory of its own, a container run through its socket, and the
// daemon killed under it. Everything shown is what really went over the socket.
import { untilAborted } from "../src/until_aborted.ts";
import { TestDaemon } from "../tests/harness/daemon.ts";
import { EventCollector } from "../tests/harness/events.ts";
import { until } from "../tests/harness/poll.ts";
import type { ParamsOf, ResultOf } from "../src/rpc/contract/method.ts";
import type { DaemonContract } from "../src/rpc/contract/daemon.ts";
import { runScript } from "./run_script.ts";
import { ensurePackages } from "./system_packages.ts";
import { Workspace } from "./workspace.ts";

type Name = keyof DaemonContract & string;

/** The script of the container: one line every 0.3 s, ten of them, then exit status 7. */
const TICKER = 'for i in $(seq 10); do echo "tick $i from pid $$"; sleep 0.3; done; exit 7';

await ensurePackages(["runc", "busybox-static"]);
await runScript(async (signal) => {
  {
    await using workspace = await Workspace.open("berth-demo");
    await untilAborted(demo(await workspace.bundle({ signal })), signal);
  }
  step("Everything is gone again: processes, mounts, cgroups, files. That was berth.");
  return 0;
});

async function demo(program: string): Promise<void> {
  step("Starting a daemon. Its whole state is in one directory.");
  await using daemon = await TestDaemon.start({ program: [program] });
  show(`berth daemon --config ${daemon.configFile}`);
  const info = await call(daemon, "daemon.info", {});
  show(`berth ${info.version}, pid ${info.pid}, with ${info.runtime.path} ${info.runtime.version}`);

  step("Running a container that prints ten lines and exits with 7, over the socket.");
  show(daemon.socket);
  using early = await EventCollector.subscribe(daemon.socket, { after: 0 });
  const output = `${daemon.dir}/ticker.log`;
  const id = "ticker";
  const spec = daemon.spec(["sh", "-c", TICKER]);
  const created = await call(daemon, "container.create", { id, spec, stdout: `file://${output}` });
  show(`created: init is pid ${created.pid}, its bundle is ${created.bundle}`);
  await call(daemon, "container.start", { id });
  await until("the third line of the container", () => lines(output).length >= 3);
  lines(output).forEach(show);
  const before = await call(daemon, "container.state", { id });
  show(`status ${before.status}; its shim is pid ${before.shimPid}, the daemon ${daemon.pid}`);

  step("Killing the daemon with SIGKILL. Nobody told the container.");
  const events = early.events.map(({ seq, type }) => `${seq} ${type}`).join(", ");
  const latest = early.events.at(-1)?.seq ?? 0;
  await daemon.kill9();
  const seen = lines(output).length;
  await until("two more lines", () => lines(output).length >= seen + 2);
  lines(output).slice(seen).forEach((line) => show(`${line}   (no daemon runs)`));

  step("Starting the daemon again. It dials the shim that it finds in the bundle.");
  await daemon.start();
  const after = await call(daemon, "container.state", { id });
  show(`status ${after.status}, the same pid ${after.pid}, the same shim ${after.shimPid}`);
  const exit = await call(daemon, "container.wait", { id });
  show(`it ended at ${exit.exitedAt} with status ${exit.exitStatus}`);
  lines(output).slice(-1).forEach((line) => show(`its last line was: ${line}`));

  step("Deleting it, and reading the events on from where the first daemon died.");
  await call(daemon, "container.delete", { id });
  using late = await EventCollector.subscribe(daemon.socket, { after: latest });
  await late.wait({ type: "delete", id });
  show(`before the kill: ${events}`);
  show(`after it:        ${late.events.map(({ seq, type }) => `${seq} ${type}`).join(", ")}`);
  const list = await call(daemon, "container.list", {});
  show(`containers left: ${list.containers.length}`);
}

/** Calls a method and shows what went over the wire. */
async function call<N extends Name>(
  daemon: TestDaemon,
  method: N,
  params: ParamsOf<DaemonContract, N>,
): Promise<ResultOf<DaemonContract, N>> {
  const text = JSON.stringify(params, (key, value) => key === "spec" ? "…" : value);
  console.log(`    → ${method} ${text}`);
  return await daemon.client.call(method, params);
}

function lines(file: string): string[] {
  try {
    return Deno.readTextFileSync(file).split("\n").slice(0, -1);
  } catch {
    // Made with the container's first process.
    return [];
  }
}

function step(text: string): void {
  console.log(`\n== ${text}`);
}

function show(text: string): void {
  console.log(`    ${text}`);
}
