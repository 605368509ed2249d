// SPDX-License-Identifier: MIT
//
// Shows what every container uses, again and again; READINGS: how often, forever if not given:
//
//     deno run -A dashboard.ts [READINGS]
import { connect, type StatsReading } from "../../mod.ts";

const MIB = 1024 * 1024;

function table({ timestamp, containers }: StatsReading): string {
  const rows = containers.map(({ id, status, cpuPercent, stats }) => [
    id.padEnd(24),
    status.padEnd(8),
    `${cpuPercent?.toFixed(1) ?? "-"} %`.padStart(9),
    `${((stats.memory?.workingSetBytes ?? 0) / MIB).toFixed(1)} MiB`.padStart(12),
    `${stats.pids?.current ?? "-"}`.padStart(5),
  ]);
  const header = [
    "ID".padEnd(24),
    "STATUS".padEnd(8),
    "CPU".padStart(9),
    "MEMORY".padStart(12),
    " PIDS",
  ];
  return [timestamp, ...[header, ...rows].map((cells) => cells.join(" "))].join("\n");
}

await using client = await connect();
let left = Number(Deno.args[0] ?? Infinity);
// The first reading has no CPU usage yet: that is a rate.
for await (const reading of client.watchStats({ intervalMs: 1000 })) {
  const clear = Deno.stdout.isTerminal() ? "\x1b[H\x1b[J" : "";
  console.log(clear + table(reading));
  if (--left <= 0) break;
}
