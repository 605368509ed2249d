// SPDX-License-Identifier: MIT
// The record of a container's network on disk.
import { readJson, writeJsonAtomic } from "../oci/json_file.ts";
import { isRecord } from "../rpc/is_record.ts";
import type { Conflist } from "./conflist.ts";
import { ConflistError, parseConflist } from "./conflist.ts";
import type { CniResult } from "./result.ts";
import { resultAs, resultFault } from "./result.ts";

/** Version of the layout of a record. */
const FORMAT = 1;

/** A port of the host that leads to a port of the container. */
export interface PortMapping {
  readonly hostIp?: string | undefined;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
}

/** One network that a container is to be attached to. */
export interface AttachmentPlan {
  readonly conflist: Conflist;
  /** Name of the interface in the container. */
  readonly ifname: string;
  /** Values for the plugins that have the capability of that name: CNI's conventions. */
  readonly runtimeConfig: Readonly<Record<string, unknown>>;
}

/** The attachment to a network, with the steps that it has come. */
export interface AttachmentRecord extends AttachmentPlan {
  /** The plugins that were run, in order. Of the last one it may not be known how it ended. */
  readonly steps: readonly AttachmentStep[];
}

/** One plugin's ADD. */
export interface AttachmentStep {
  readonly done: boolean;
  /** Its message if it failed: CNI specification, "Error". */
  readonly failure?: string;
  /** Its result; undefined if it gave none, or has not ended. */
  readonly result?: CniResult | undefined;
}

/**
 * The parts of a container's network, written before each step of making it. The record is enough to remove
 * the network, whichever process has died since.
 */
export interface NetworkRecord {
  readonly format: number;
  /** The container's id. */
  readonly id: string;
  /** The container's instance. */
  readonly instance: string;
  /** Its id as the plugins know it. */
  readonly containerId: string;
  readonly attachments: readonly AttachmentRecord[];
  readonly ports: readonly PortMapping[];
  /** Whether its removal has begun, or has come so far that the plugins need not be run any more. */
  readonly removing?: "begun" | "detached";
}

/** The files of one container's network. */
export interface NetworkPaths {
  readonly dir: string;
  readonly record: string;
  /** Where the network namespace is pinned. */
  readonly namespace: string;
  /** The file that plugins that run have locked. */
  readonly lock: string;
}

/** Names the files of the network in `dir`. */
export function networkPaths(dir: string): NetworkPaths {
  return { dir, record: `${dir}/network.json`, namespace: `${dir}/netns`, lock: `${dir}/lock` };
}

/** The prefix of the plugins' id of a container. */
const ID_PREFIX = "berth-";

/**
 * Returns the id of a container as plugins know it. Unlike its own it is never used again, so that no
 * late plugin meets another container's network.
 */
export function containerIdOf(instance: string): string {
  return ID_PREFIX + instance;
}

/** The form of an instance, which becomes the name of a directory. */
const INSTANCE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,75}$/;

/** Returns the instance that {@linkcode containerIdOf} has made an id of; undefined if that is none. */
export function instanceOf(containerId: string): string | undefined {
  if (!containerId.startsWith(ID_PREFIX)) return undefined;
  const instance = containerId.slice(ID_PREFIX.length);
  return INSTANCE.test(instance) ? instance : undefined;
}

/** Returns the record of a network that is about to be made. */
export function newRecord(
  { id, instance }: { readonly id: string; readonly instance: string },
  plans: readonly AttachmentPlan[],
  ports: readonly PortMapping[],
): NetworkRecord {
  return {
    format: FORMAT,
    id,
    instance,
    containerId: containerIdOf(instance),
    attachments: plans.map((plan) => ({ ...plan, steps: [] })),
    ports,
  };
}

/**
 * Reads a record. Undefined where there is none: its network was not begun, or is gone.
 *
 * @throws {SyntaxError} if it is damaged, or of another version.
 */
export function readRecord({ record: path }: NetworkPaths): NetworkRecord | undefined {
  const record = readJson<NetworkRecord>(path);
  if (record === undefined) return undefined;
  if (record.format !== FORMAT) {
    throw new SyntaxError(`${path} is of format ${record.format}, this berth reads ${FORMAT}`);
  }
  if (!isWhole(record)) throw new SyntaxError(`${path} is damaged`);
  return { ...record, attachments: record.attachments.map(withoutFaults) };
}

/**
 * Leaves out results that plugins cannot read, as an earlier berth recorded them: a plugin that got one
 * could not remove anything.
 */
function withoutFaults(attachment: AttachmentRecord): AttachmentRecord {
  const steps = attachment.steps.map(({ result, ...step }) =>
    isRecord(result) && resultFault(result) === undefined ? { ...step, result } : step
  );
  return { ...attachment, steps };
}

function isWhole({ id, instance, containerId, attachments, ports }: NetworkRecord): boolean {
  return [id, instance, containerId].every((one: unknown) => typeof one === "string") &&
    Array.isArray(ports) && ports.every(isRecord) &&
    Array.isArray(attachments) && attachments.every(isAttachment);
}

function isAttachment(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { conflist, ifname, runtimeConfig, steps } = value;
  return typeof ifname === "string" && isRecord(runtimeConfig) && isConflist(conflist) &&
    Array.isArray(steps) && steps.every(isRecord);
}

function isConflist(value: unknown): boolean {
  try {
    parseConflist(value);
    return true;
  } catch (error) {
    if (error instanceof ConflistError) return false;
    throw error;
  }
}

/** Writes a record; a reader sees the old one or the new one. */
export function writeRecord({ record: path }: NetworkPaths, record: NetworkRecord): void {
  writeJsonAtomic(path, record);
}

/** Returns whether it is not known of a plugin whether it has ended. */
export function isUncertain({ attachments, removing }: NetworkRecord): boolean {
  return removing !== undefined || attachments.some(({ steps }) => steps.some(({ done }) => !done));
}

/** Returns the last result that an attachment's plugins gave, as they read it. */
export function resultOf({ conflist, steps }: AttachmentRecord): CniResult | undefined {
  const result = steps.findLast((step) => step.result !== undefined)?.result;
  return result === undefined ? undefined : resultAs(conflist.cniVersion, result);
}
