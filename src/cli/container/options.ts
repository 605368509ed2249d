// SPDX-License-Identifier: MIT
import { type Command, InvalidArgumentError, Option } from "commander";
import { collect, somePath } from "../common/command.ts";
import { type MountOption, parseMount, parseVolume } from "./mounts.ts";
import { type ResourceOptions, withResources } from "./resources.ts";

export { absolute } from "./mounts.ts";

/** What `run` and `create` take, after parsing. */
export interface ContainerOptions extends ResourceOptions {
  readonly name?: string;
  readonly rootfs?: string;
  readonly overlay?: true;
  readonly bundle?: string;
  readonly interactive?: true;
  readonly tty?: true;
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly user?: string;
  readonly mount?: readonly MountOption[];
  readonly volume?: readonly MountOption[];
  readonly readOnly?: true;
  readonly hostname?: string;
  readonly net?: "none" | "host";
  readonly label?: Readonly<Record<string, string>>;
  readonly runtime?: string;
  readonly group?: string;
  readonly cgroupParent?: string;
  readonly pivot: boolean;
}

/** The options that change the spec; with `--bundle` they would be ignored, so they are refused. */
export const SPEC_OPTIONS = [
  "env",
  "cwd",
  "user",
  "mount",
  "volume",
  "readOnly",
  "hostname",
  "net",
  "memory",
  "memorySwap",
  "memoryReservation",
  "cpus",
  "cpuShares",
  "cpusetCpus",
  "cpusetMems",
  "pids",
  "cgroupParent",
] as const satisfies readonly (keyof ContainerOptions)[];

/** Adds what makes up a container; `run` and `create` take the same. */
export function withContainer(command: Command): Command {
  return withResources(
    command
      .option("-i, --interactive", "keep standard input open and pass it on")
      .option("-t, --tty", "give the process a terminal")
      .option("--name <id>", "the container's id; a random one when left out")
      .option("--rootfs <dir>", "directory that holds the root filesystem", somePath)
      .option(
        "--overlay",
        "keep the directory as it is: writes go to a layer of the container's own",
      )
      .option("--bundle <dir>", "OCI bundle whose config.json is used as it is", somePath)
      .option("-e, --env <k=v>", "environment variable; K alone: as it is here", collect)
      .option("-w, --cwd <dir>", "working directory in the container", somePath)
      .option("-u, --user <user>", "user[:group], names or numbers")
      .option(
        "--mount <spec>",
        "type=bind,src=…,dst=…,options=ro:nosuid; may be repeated",
        collectMount,
      )
      .option("-v, --volume <src:dst[:ro]>", "bind mount; may be repeated", collectVolume)
      .option("--read-only", "mount the root filesystem read-only")
      .option("--hostname <name>", "host name in the container; its id when left out")
      .addOption(
        new Option("--net <mode>", "network: none but loopback, or the host's").choices([
          "none",
          "host",
        ]),
      )
      .option("-l, --label <k=v>", "label; may be repeated", collectLabel)
      .option("--runtime <runtime>", "OCI runtime: a name in PATH, or a path", somePath)
      .option("--group <name>", "share one shim process with the group's other containers")
      .option(
        "--cgroup-parent <path>",
        "cgroup that holds the container's, named by its id",
        somePath,
      )
      .option("--no-pivot", "do not use pivot_root, for a root filesystem on a ramdisk"),
  );
}

/** The environment entry that `-e` asks for: K alone takes this process's value. */
export function environmentEntry(text: string): string[] {
  if (text.includes("=")) return [text];
  const value = Deno.env.get(text);
  return value === undefined ? [] : [`${text}=${value}`];
}

function collectMount(text: string, previous: MountOption[] | undefined): MountOption[] {
  return [...previous ?? [], parseMount(text)];
}

function collectVolume(text: string, previous: MountOption[] | undefined): MountOption[] {
  return [...previous ?? [], parseVolume(text)];
}

function collectLabel(
  text: string,
  previous: Record<string, string> | undefined,
): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("expected key=value");
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}
