// SPDX-License-Identifier: MIT
//
// `deno task fuzz [--messages N] [--seed S]`: sends messages from a seed to the sockets of a daemon and
// its shims, and checks what no message may do.
import { numberOption } from "./number_option.ts";
import { fuzz } from "../tests/fuzz/fuzz.ts";
import { bundle } from "./build/bundle.ts";
import { writeLauncher } from "./build/launcher.ts";
import { StoppedError } from "./stop_signals.ts";
import { ensurePackages } from "./system_packages.ts";
import { Workspace } from "./workspace.ts";

const messages = numberOption("messages", 50_000);
const seed = numberOption("seed", Math.floor(Math.random() * 2 ** 32));

await ensurePackages(["runc", "busybox-static"]);
let status = 0;
{
  await using workspace = await Workspace.open("berth-fuzz");
  Deno.env.set(
    "BERTH_PROGRAM",
    await writeLauncher(await bundle({ outDir: `${workspace.dir}/program` })),
  );
  console.log(`${messages} messages, seed ${seed}`);
  try {
    const { signal } = workspace;
    const report = await fuzz({ messages, seed, signal, onProgress: console.log });
    if (report.complaints.length > 0) status = 1;
    console.log(
      `${report.sent} messages; ${report.complaints.length} complaints; memory ` +
        `${(report.memoryGrowth / 1e6).toFixed(1)} MB more than after a tenth; another client ` +
        `waited ${Math.round(report.slowestMs)} ms at most`,
    );
  } catch (error) {
    console.error(error instanceof StoppedError ? error.message : error);
    status = 1;
  }
}
Deno.exit(status);
