// SPDX-License-Identifier: MIT
//
// `deno task bench`: berth beside a containerd of its own and bare runc, in turn in one run, on the same
// runc, root file system and spec. Prints a table and writes all figures as JSON.
import { mount } from "../src/linux/mount/mount.ts";
import { baseName } from "../tests/harness/run.ts";
import { ROOT } from "./root.ts";
import { BareRunc } from "./bench/bare_runc.ts";
import { Berth } from "./bench/berth.ts";
import { Conmon } from "./bench/conmon.ts";
import { Containerd } from "./bench/containerd.ts";
import { machineInfo } from "./bench/machine.ts";
import { resultOfRow, table } from "./bench/report.ts";
import type { Result } from "./bench/report.ts";
import { Bench } from "./bench/row.ts";
import type { Measure } from "./bench/row.ts";
import { atRest } from "./bench/rows/at_rest.ts";
import { calls } from "./bench/rows/calls.ts";
import { containerdShim } from "./bench/rows/containerd_shim.ts";
import { exec } from "./bench/rows/exec.ts";
import { exitEvent } from "./bench/rows/exit_event.ts";
import { leanCalls } from "./bench/rows/lean_calls.ts";
import { images } from "./bench/rows/images.ts";
import { lives } from "./bench/rows/life.ts";
import { networks } from "./bench/rows/networks.ts";
import { logs } from "./bench/rows/logs.ts";
import { output } from "./bench/rows/output.ts";
import { restart } from "./bench/rows/restart.ts";
import { seccomp } from "./bench/rows/seccomp.ts";
import { misused, parseOptions } from "./options.ts";
import { runScript } from "./run_script.ts";
import { ensurePackages, findCommand, type PackageName } from "./system_packages.ts";
import { Workspace } from "./workspace.ts";

const ROWS: Readonly<Record<string, Measure>> = {
  lives,
  seccomp,
  exec,
  "exit-event": exitEvent,
  "at-rest": atRest,
  restart,
  calls,
  "lean-calls": leanCalls,
  networks,
  "containerd-shim": containerdShim,
  images,
  output,
  logs: logs(undefined),
};

/** The packages that a row needs besides those that all need. */
const PACKAGES: Readonly<Record<string, readonly PackageName[]>> = {
  networks: ["containernetworking-plugins", "iptables", "iproute2", "socat"],
  images: ["skopeo", "docker-registry"],
};

const USAGE = `usage: deno task bench [options] [ROW...]
  --quick         only show that it works
  --out FILE      where to write all figures; default dist/bench.json
  --runtime NAME  an OCI runtime in PATH; default runc, which some rows always have
The rows are ${Object.keys(ROWS).join(", ")}; all, where none is given.`;

const { values, positionals } = parseOptions(USAGE, {
  options: {
    quick: { type: "boolean", default: false },
    out: { type: "string", default: `${ROOT}/dist/bench.json` },
    runtime: { type: "string", default: "runc" },
  },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !(name in ROWS));
if (unknown.length > 0) misused(USAGE, `no row ${unknown.join(", ")}`);
const chosen = positionals.length > 0 ? positionals : Object.keys(ROWS);

await ensurePackages([
  ...["runc", "busybox-static", "containerd"] as const,
  ...chosen.flatMap((name) => PACKAGES[name] ?? []),
]);
const machine = machineInfo();
await runScript(async (signal) => {
  const { versions, results } = await measureAll(signal);
  const date = new Date().toISOString();
  const report = { date, quick: values.quick, machine, versions, results };
  await Deno.mkdir(values.out.slice(0, values.out.lastIndexOf("/")) || ".", { recursive: true });
  await Deno.writeTextFile(values.out, `${JSON.stringify(report, null, 2)}\n`);

  if (results.length > 0) console.log(`\n${table(results)}\n`);
  for (const { title, note } of results) if (note !== undefined) console.log(`${title}: ${note}`);
  console.log(
    `\nMedians, ${date.slice(0, 10)}: ${machine.cpus} × ${machine.cpu}, Linux ${machine.kernel}, ` +
      `cgroup ${machine.cgroups}, load before ${machine.load[0]?.toFixed(1)}; ` +
      `${versions.join(", ")}, Deno ${machine.deno}.\nAll figures: ${values.out}`,
  );
  return 0;
});

async function measureAll(signal: AbortSignal) {
  await using workspace = await Workspace.open("berth-bench");
  // Disposed of before the workspace, also when a signal ends the run in the middle of a row.
  await using engines = new AsyncDisposableStack();
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason));
  // Where one call fails, those that run beside it do too, with nobody left to wait for them; that
  // must not end this process before it has cleaned up.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    reject(event.reason);
  });
  return await Promise.race([measure(workspace, engines, signal), stopped]);
}

async function measure(workspace: Workspace, engines: AsyncDisposableStack, signal: AbortSignal) {
  const { dir } = workspace;
  const runc = findCommand(values.runtime);
  if (runc === undefined) throw new Error(`${values.runtime} is not in PATH`);
  const program = Deno.env.get("BERTH_PROGRAM") ??
    await workspace.bundle({ minify: true, signal });
  Deno.env.set("BERTH_PROGRAM", program);
  const run = `${dir}/run`;
  // As /run is on most machines, and where all three have their state by default.
  await Deno.mkdir(run);
  mount({ type: "tmpfs", source: "tmpfs", target: run, options: ["mode=0700"] });
  const berth = engines.use(await Berth.start(program, `${run}/berth`, runc));
  // Its processes are found by the directory's name, which has to be a name of its own.
  const containerd = engines.use(
    await Containerd.start(`${dir}/${baseName(dir)}-containerd`, `${run}/containerd`, runc),
  );
  const bare = engines.use(await BareRunc.open(`${run}/runc`, runc));
  const bench = new Bench({
    daemons: [berth, containerd],
    bare,
    quick: values.quick,
    cgroup: `${baseName(dir)}/bench`,
  });
  const rows = { ...ROWS, logs: logs(await Conmon.find(`${run}/conmon`, runc)) };
  const results: Result[] = [];
  for (const [name, measureRows] of Object.entries(rows)) {
    if (!chosen.includes(name)) continue;
    const start = performance.now();
    const measured = await measureRows(bench);
    results.push(...measured.map(resultOfRow));
    const took = `${((performance.now() - start) / 1000).toFixed(1)} s`;
    const isLeftOut = bench.quick && measured.length === 0;
    console.error(`${name}: ${isLeftOut ? "its rows need a run without --quick" : took}`);
  }
  return { versions: bench.engines.map(({ version }) => version), results };
}
