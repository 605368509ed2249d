// SPDX-License-Identifier: MIT
//
// `deno task fuzz`: sends messages from a seed to the sockets of a daemon and its shims, and checks what
// no message may do.
import { fuzz } from "../tests/fuzz/fuzz.ts";
import { numberOption, parseOptions } from "./options.ts";
import { runScript } from "./run_script.ts";
import { ensurePackages } from "./system_packages.ts";
import { Workspace } from "./workspace.ts";

const USAGE = `usage: deno task fuzz [options]
  --messages N   how many; default 50000
  --seed S       of the messages; default random`;

const { values } = parseOptions(USAGE, {
  options: { messages: { type: "string" }, seed: { type: "string" } },
});
const messages = numberOption(USAGE, values.messages, 50_000);
const seed = numberOption(USAGE, values.seed, Math.floor(Math.random() * 2 ** 32));

await ensurePackages(["runc", "busybox-static"]);
await runScript(async (signal) => {
  await using workspace = await Workspace.open("berth-fuzz");
  Deno.env.set("BERTH_PROGRAM", await workspace.bundle({ signal }));
  console.log(`${messages} messages, seed ${seed}`);
  const report = await fuzz({ messages, seed, signal, onProgress: console.log });
  console.log(
    `${report.sent} messages; ${report.complaints.length} complaints; memory ` +
      `${(report.memoryGrowth / 1e6).toFixed(1)} MB more than after a tenth; another client ` +
      `waited ${Math.round(report.slowestMs)} ms at most`,
  );
  return report.complaints.length > 0 ? 1 : 0;
});
