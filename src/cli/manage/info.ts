// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { exists } from "../../linux/fs/exists.ts";
import { ifThere } from "../../linux/fs/if_there.ts";
import { VERSION } from "../../version.ts";
import { onlineCpus } from "../../linux/process/online_cpus.ts";
import { verb, withJson, withSocket } from "../common/command.ts";
import { withDaemon } from "../common/daemon.ts";
import { type Format, printFormatted, withFormat } from "../common/format_option.ts";
import { listAllContainers } from "../common/containers.ts";
import { formatBytes, formatSpan } from "../text/format.ts";
import { print, printJson } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

interface InfoFlags {
  readonly json?: true;
  readonly format?: Format;
}

/** Advice for members of docker's that berth has not. */
const INSTEAD: Readonly<Record<string, string>> = {
  Containers: "take .containers.total",
  ContainersRunning: "take .containers.running",
  ContainersPaused: "take .containers.paused",
  ContainersStopped: "take .containers.stopped",
  ServerVersion: "take .daemon.version",
  DockerRootDir: "take .daemon.root",
  DefaultRuntime: "take .daemon.runtime.path",
  Name: "take .host.name",
  OperatingSystem: "take .host.os",
  KernelVersion: "take .host.kernel",
  Architecture: "take .host.architecture",
  NCPU: "take .host.cpus",
  MemTotal: "take .host.memoryBytes",
  CgroupVersion: "take .host.cgroups",
};

/** `berth info` */
export function infoCommand(): Command {
  return withFormat(
    withJson(withSocket(verb(
      "info",
      VERBS.info.summary,
      "berth info",
      "berth info --json | jq .daemon.root",
      "berth info -f '{{.containers.running}}'",
    ))),
    { fields: ["client", "daemon", "containers", "host"], instead: INSTEAD },
  ).action(async (options: InfoFlags, command: Command) => {
    await withDaemon(command, async (daemon) => {
      const info = await daemon.call("daemon.info", {});
      const all = await listAllContainers(daemon);
      const count = (wanted: string) => all.filter(({ status }) => status === wanted).length;
      const containers = {
        total: all.length,
        running: count("running"),
        paused: count("paused"),
        created: count("created"),
        stopped: count("stopped"),
      };
      const host = hostInfo();
      const whole = { client: { version: VERSION }, daemon: info, containers, host };
      if (options.format) return printFormatted(options.format, whole);
      if (options.json) return printJson(whole);
      const up = formatSpan(Date.now() - Date.parse(info.startedAt));
      const { total, ...states } = containers;
      const counts = Object.entries(states).map(([state, number]) => `${state} ${number}`);
      const rows: [string, string][] = [
        ["Client", `berth ${VERSION}`],
        ["Daemon", `berth ${info.version}, pid ${info.pid}, up ${up.toLowerCase()}`],
        ["Runtime", `${info.runtime.path} ${info.runtime.version}`],
        ["State", info.state],
        ["Root", info.root],
        ["Containers", `${total} (${counts.join(", ")})`],
        ["Host", `${host.name}, ${host.os}, kernel ${host.kernel}, ${host.architecture}`],
        ["Resources", `${host.cpus} CPUs, ${formatBytes(host.memoryBytes)} memory`],
        ["Cgroups", host.cgroups],
      ];
      for (const [name, value] of rows) print(`${`${name}:`.padEnd(12)}${value}`);
    });
  });
}

function hostInfo() {
  return {
    name: Deno.hostname(),
    os: osName(),
    kernel: Deno.osRelease(),
    architecture: Deno.build.arch,
    cpus: onlineCpus() ?? navigator.hardwareConcurrency,
    memoryBytes: Deno.systemMemoryInfo().total,
    // On v1 and hybrid hosts /sys/fs/cgroup is a tmpfs without this file.
    cgroups: exists("/sys/fs/cgroup/cgroup.controllers") ? "v2" : "v1",
  };
}

/** Returns the name of the distribution, os-release(5). */
function osName(): string {
  const text = ifThere(() => Deno.readTextFileSync("/etc/os-release")) ?? "";
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(text)?.[1] ?? "Linux";
}
