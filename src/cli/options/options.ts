// SPDX-License-Identifier: MIT
// The options of `berth run` and `berth create`, all together.
import { type Command, InvalidArgumentError, Option } from "commander";
import type { OciDevice, OciRlimit } from "../../oci/spec/default_spec.ts";
import { addAlias, collect, collectParsed, matching, parsePath } from "../common/command.ts";
import { withRegistry } from "../image/registry_options.ts";
import type { RootfsOptions } from "../image/rootfs.ts";
import { collectDevices } from "./devices.ts";
import { collectEnv } from "./environment.ts";
import type { HostEntry } from "./etc_files.ts";
import { collectLogOption, type LogFlags } from "./log_options.ts";
import { parseMount } from "./mounts/mount_keys.ts";
import type { MountOption } from "./mounts/mount_option.ts";
import { parseTmpfs, parseVolume } from "./mounts/volume.ts";
import { type NetworkFlags, withNetwork } from "./network.ts";
import { collectLabel, collectPair, type Pairs } from "./pairs.ts";
import { type NamespaceOptions, parseNamespace } from "./namespaces.ts";
import { parseBytes, type ResourceOptions, withResources } from "./resources.ts";
import type { RestartPolicy } from "../../rpc/contract/schemas.ts";
import {
  parseRestart,
  parseStopSignal,
  parseStopTimeout,
  RESTART_FLAG,
} from "./stop_and_restart.ts";
import { parseUserNamespace, type UserNamespaceOptions } from "./user_namespace.ts";
import { parseUlimit } from "./ulimits.ts";

/** The options of `run` and `create`, after parsing. */
export interface ContainerOptions
  extends
    ResourceOptions,
    RootfsOptions,
    NetworkFlags,
    NamespaceOptions,
    UserNamespaceOptions,
    LogFlags {
  readonly name?: string;
  readonly interactive?: true;
  readonly tty?: true;
  readonly env?: readonly string[];
  readonly envFile?: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly groupAdd?: readonly string[];
  readonly init?: true;
  readonly restart?: RestartPolicy;
  readonly rm?: true;
  readonly ulimit?: readonly OciRlimit[];
  readonly stopSignal?: string;
  readonly stopTimeout?: number;
  readonly mount?: readonly MountOption[];
  readonly volume?: readonly MountOption[];
  readonly tmpfs?: readonly MountOption[];
  readonly shmSize?: number;
  readonly device?: readonly OciDevice[];
  readonly readOnly?: true;
  readonly addHost?: readonly HostEntry[];
  readonly sysctl?: Pairs;
  readonly label?: Pairs;
  readonly labelFile?: readonly string[];
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly securityOpt?: readonly string[];
  readonly annotation?: Pairs;
  readonly cidfile?: string;
  readonly runtime?: string;
  readonly group?: string;
  readonly cgroupParent?: string;
  readonly pivot: boolean;
}

/** The options that change the spec; with `--bundle` they would be ignored, so they are refused. */
export const SPEC_OPTIONS = [
  "rootfs",
  "overlay",
  "entrypoint",
  "env",
  "envFile",
  "workdir",
  "user",
  "groupAdd",
  "init",
  "ulimit",
  "stopSignal",
  "mount",
  "volume",
  "tmpfs",
  "shmSize",
  "device",
  "readOnly",
  "hostname",
  "network",
  "publish",
  "ip",
  "ip6",
  "macAddress",
  "networkAlias",
  "addHost",
  "dns",
  "dnsSearch",
  "dnsOption",
  "pid",
  "ipc",
  "uts",
  "userns",
  "sysctl",
  "capAdd",
  "capDrop",
  "privileged",
  "securityOpt",
  "annotation",
  "memory",
  "memorySwap",
  "memoryReservation",
  "cpus",
  "cpuShares",
  "cpusetCpus",
  "cpusetMems",
  "pidsLimit",
  "cgroupParent",
] as const satisfies readonly (keyof ContainerOptions)[];

/** The description of the arguments of `run` and `create`. */
export const IMAGE_ARGUMENT =
  "image, and a command in place of its own; with --rootfs only the command";

/** Adds the options that make up a container, the same for `run` and `create`. */
export function withContainer(command: Command): Command {
  // As docker: -h is --hostname here.
  command.helpOption("--help", "display help for command");
  withProcess(command);
  withFiles(command);
  withNetwork(command);
  withNamespaces(command);
  withSecurity(command);
  withResources(command.optionsGroup("Limits:"));
  return withManagement(command);
}

function withProcess(command: Command): void {
  const workdir = new Option("-w, --workdir <dir>", "working directory");
  command
    .option("--rm", "remove the container when it has exited")
    .option("--name <id>", "the container's id; default: a random one", parseName)
    .option("--rootfs <dir>", "directory with the root filesystem", parsePath)
    .option("--overlay", "write to a layer of the container instead of to --rootfs")
    .option("--bundle <dir>", "OCI bundle; its config.json is used as it is", parsePath)
    .addOption(
      new Option("--pull <when>", "when to pull the image; missing by default").choices([
        "missing",
        "always",
        "never",
      ]),
    );
  withRegistry(command)
    .option("-q, --quiet", "do not show the progress of a pull")
    .option("-i, --interactive", "keep standard input open and pass it on")
    .option("-t, --tty", "give the process a terminal")
    .optionsGroup("Process:")
    .option(
      "-e, --env <k=v>",
      "environment variable; a name alone takes its value from this shell",
      collectEnv,
    )
    .option("--env-file <file>", "file of environment variables", collect)
    .addOption(workdir)
    .option("-u, --user <user>", "user[:group], names or numbers")
    .option("--group-add <group>", "further group of the process", collect)
    .option("--entrypoint <program>", "program to run; the command is its arguments")
    .option("--init", "run catatonit or tini as the first process, to reap and forward signals")
    .option("--ulimit <name=soft[:hard]>", "resource limit; -1: none", collectParsed(parseUlimit))
    .option("--stop-signal <signal>", "signal that asks the process to end", parseStopSignal)
    .option(
      "--stop-timeout <seconds>",
      "seconds that stop waits before SIGKILL, -1: forever (shutdown: 100); default: 10",
      parseStopTimeout,
    );
  addAlias(command, "--cwd <dir>", workdir);
}

function withFiles(command: Command): void {
  command
    .optionsGroup("Files:")
    .option(
      "-v, --volume <[src:]dst[:ro]>",
      "bind mount, or anonymous volume",
      collectParsed(parseVolume),
    )
    .option("--mount <spec>", "mount, such as type=bind,src=…,dst=…,ro", collectParsed(parseMount))
    .option("--tmpfs <dst[:options]>", "mount an empty tmpfs", collectParsed(parseTmpfs))
    .option("--shm-size <bytes>", "size of /dev/shm (64m by default)", parseShmSize)
    .option("--device <src[:dst[:rwm]]>", "host device to pass on", collectDevices)
    .option("--read-only", "mount the root filesystem read-only");
}

function withNamespaces(command: Command): void {
  command
    .optionsGroup("Namespaces:")
    .addOption(sharing("--pid <mode>", "PID namespace, or container:ID", "private", "host"))
    .addOption(sharing("--ipc <mode>", "IPC namespace, or container:ID", "private", "host"))
    .addOption(sharing("--uts <mode>", "UTS namespace, or container:ID", "private", "host"))
    .option("--userns <mode>", "user namespace: host, auto or C:H:SIZE", parseUserNamespace)
    .option("--sysctl <k=v>", "kernel parameter of the namespaces", collectPair);
}

function withSecurity(command: Command): void {
  command
    .optionsGroup("Security:")
    .option("--cap-add <capability>", "capability to add, or ALL", collect)
    .option("--cap-drop <capability>", "capability to drop, or ALL", collect)
    .option(
      "--security-opt <option>",
      "security option, such as seccomp=FILE; see docs/security.md",
      collect,
    )
    .option("--privileged", "give all capabilities and devices, and lift the restrictions");
}

/** Returns an option that takes one of `words`, or another container. */
function sharing(flags: string, description: string, ...words: string[]): Option {
  return new Option(flags, description).choices(words).argParser(parseNamespace(words));
}

function withManagement(command: Command): Command {
  return command
    .optionsGroup("Management:")
    .option("-l, --label <k=v>", "label", collectLabel)
    .option("--label-file <file>", "file of labels", collect)
    .option("--annotation <k=v>", "annotation of the OCI spec", collectPair)
    .option(
      RESTART_FLAG,
      "when to restart the container; on-failure:5 gives up after 5 times",
      parseRestart,
    )
    .option("--cidfile <file>", "write the container's id to this file", parsePath)
    .option("--runtime <runtime>", "OCI runtime: a name in PATH, or a path", parsePath)
    .option("--group <name>", "share one shim process with the group's other containers")
    .option(
      "--cgroup-parent <path>",
      "cgroup to make the container's cgroup in",
      parseCgroupParent,
    )
    .addOption(
      new Option("--log-driver <driver>", "log driver; the config sets the default")
        .choices(["cri", "raw", "none"]),
    )
    .option("--log-opt <k=v>", "rotation of the log: max-size=10m, max-file=3", collectLogOption)
    .option("--no-pivot", "do not use pivot_root, for a root filesystem on a ramdisk")
    .optionsGroup("Options:");
}

/** Refuses the name of a unit that holds its own processes: it is no slice, nor meant as a path. */
const parseCgroupParent = matching(
  /^(?![^/]+\.(service|scope)$)./s,
  "expected a slice, such as machine.slice, or the path of a cgroup, and no other unit",
);

/** Refuses the empty name before an image is pulled for it; any other is looked at where it is used. */
const parseName = matching(/./s, "expected a name; without --name it is random");

function parseShmSize(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === 0) throw new InvalidArgumentError("expected a size such as 256m");
  return bytes;
}
