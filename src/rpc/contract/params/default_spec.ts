// SPDX-License-Identifier: MIT
import * as z from "zod";
import { isRecord } from "../../is_record.ts";
import {
  MAX_ARG_LENGTH,
  MAX_ARGS,
  MAX_LABEL_BYTES,
  MAX_MOUNT_OPTIONS,
  MAX_MOUNTS,
  MAX_TEXT,
} from "../limits.ts";
import { absolutePath, containerId, jsonObject, kernelText, textLike } from "../schemas.ts";

/** Maximum number of further groups, capabilities and other short lists of a spec. */
const MAX_LIST = 1024;

const argument = z.string().max(MAX_ARG_LENGTH);
const texts = z.array(kernelText(MAX_TEXT)).max(MAX_LIST);
const textMap = z.custom<Record<string, string>>(
  (value) => isRecord(value) && Object.values(value).every((text) => typeof text === "string"),
  "must be an object of strings",
).meta({
  type: "object",
  additionalProperties: { type: "string" },
  maxProperties: MAX_LIST,
  "x-maxBytes": MAX_LABEL_BYTES,
});

/** A namespace to share. */
const namespace = textLike(/^(host|\/[^\0]*)$/, "must be host or an absolute path", MAX_TEXT)
  .optional();

/** A mount as the OCI spec has it (runtime-spec, config.md, "Mounts"). */
const ociMount = z.strictObject({
  destination: absolutePath.describe("Path in the container"),
  type: kernelText(MAX_TEXT).optional().describe("Filesystem type, or bind"),
  source: kernelText(MAX_TEXT).optional().describe("Device, directory or name"),
  options: z.array(kernelText(MAX_TEXT)).max(MAX_MOUNT_OPTIONS).optional().describe(
    "Mount options, as for mount(8) -o",
  ),
}).describe("A mount of the OCI spec");

const ociRlimit = z.strictObject({
  type: kernelText(64).describe("Such as RLIMIT_NOFILE"),
  soft: z.int().min(0).describe("Soft limit"),
  hard: z.int().min(0).describe("Hard limit"),
}).describe("A resource limit of a process");

/** Params of `spec.default`: the words of `berth run`, or of the OCI spec where that has them. */
export const defaultSpecParams = z.strictObject({
  args: z.array(argument).min(1).max(MAX_ARGS).describe("Program to run and its arguments"),
  rootfs: absolutePath.describe(
    "Directory of the root filesystem; names of users and groups are looked up there",
  ),
  id: containerId.optional().describe(
    "Container id, which is also the host name if none is given",
  ),
  env: z.array(argument).max(MAX_ARGS).optional().describe(
    "Environment as NAME=value, in addition to PATH, HOSTNAME and TERM; NAME alone removes one of these",
  ),
  cwd: kernelText(MAX_TEXT).optional().describe("Working directory; defaults to /"),
  user: kernelText(MAX_TEXT).optional().describe(
    "user[:group], names or numbers; defaults to root",
  ),
  groupAdd: texts.optional().describe("Further groups, names or numbers"),
  hostname: textLike(/^[\x21-\x7e]+$/, "must be 1 to 64 characters without blanks", 64).optional()
    .describe("Host name; defaults to the id, else to berth"),
  terminal: z.boolean().optional().describe(
    "Give the process a pseudo-terminal; `container.create` takes the same param",
  ),
  readOnly: z.boolean().optional().describe("Mount the root filesystem read-only"),
  init: z.boolean().optional().describe(
    "Run catatonit or tini as the first process, to reap and forward signals",
  ),
  mounts: z.array(ociMount).max(MAX_MOUNTS).optional().describe(
    "Mounts in addition to the usual ones, or in their place",
  ),
  namespaces: z.strictObject({
    network: namespace.describe("Defaults to a new one that has only a loopback interface"),
    pid: namespace.describe("Defaults to a new one"),
    ipc: namespace.describe("Defaults to a new one"),
    uts: namespace.describe("Defaults to a new one"),
  }).optional().describe("Namespaces to share: host, or a path such as /proc/42/ns/net"),
  resources: jsonObject.optional().describe("OCI linux.resources"),
  rlimits: z.array(ociRlimit).max(MAX_LIST).optional().describe("Resource limits of the process"),
  sysctl: textMap.optional().describe("Kernel parameters of the namespaces"),
  annotations: textMap.optional().describe("Annotations of the spec"),
  stopSignal: kernelText(16).optional().describe(
    "Signal that asks the process to end; defaults to SIGTERM",
  ),
  privileged: z.boolean().optional().describe(
    "Give all capabilities and devices, and lift the restrictions",
  ),
  userns: z.enum(["host"]).optional().describe(
    "The host's user namespace; defaults to the one that `userns_remap` of the config names",
  ),
  capAdd: texts.optional().describe("Capabilities to add, or ALL"),
  capDrop: texts.optional().describe("Capabilities to drop, or ALL"),
  securityOpt: texts.optional().describe(
    "Security options as `berth run --security-opt` takes them; the path of a " +
      "seccomp profile must be absolute",
  ),
});
