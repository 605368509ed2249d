// SPDX-License-Identifier: MIT
// Reads the config of an image, and compares platforms.
import { cleanPath } from "../linux/fs/path_names.ts";
import { isRecord } from "../rpc/is_record.ts";
import { ImageError } from "./image_errors.ts";

/** This machine's architecture by its name in images. */
export const ARCHITECTURE = Deno.build.arch === "x86_64" ? "amd64" : "arm64";

/** The kind of machine that an image is for, by its names in images (image-spec, image-index.md). */
export interface Platform {
  /** Such as `arm64`. */
  readonly architecture: string;
  /** Such as `v7`; undefined where any will do. */
  readonly variant?: string;
}

/** Other names of architectures, as containerd reads them. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64" };

/**
 * Reads docker's `OS/ARCHITECTURE[/VARIANT]`, whose system is Linux. As in containerd `linux/arm` is
 * `linux/arm/v7`.
 *
 * @throws {ImageError} if it is none, or of another system.
 */
export function parsePlatform(text: string): Platform {
  const [, os, machine = "", given] = /^(\w+)\/(\w+)(?:\/([\w.]+))?$/.exec(text) ?? [];
  if (os === undefined) throw new ImageError("expected linux/ARCHITECTURE, such as linux/arm64");
  if (os !== "linux") throw new ImageError(`images for ${os} cannot run here, those for linux can`);
  const architecture = ARCHITECTURES[machine] ?? machine;
  const variant = given ?? (architecture === "arm" ? "v7" : undefined);
  return { architecture, ...(variant !== undefined && { variant }) };
}

/** Returns a platform, or that of an image, as {@linkcode parsePlatform} reads it. */
export function platformText({ architecture, variant }: Platform): string {
  return `linux/${architecture}${variant ? `/${variant}` : ""}`;
}

/**
 * Returns whether an image is for such a machine. One that does not name its variant is for any; a
 * machine also runs what is for a variant before its own, as skopeo takes it of a list.
 */
export function isFor(config: ImageConfig, { architecture, variant }: Platform): boolean {
  if (config.architecture !== architecture) return false;
  if (variant === undefined || config.variant === "" || config.variant === variant) return true;
  const version = (text: string) => Number(/^v(\d+)$/.exec(text)?.[1] ?? NaN);
  return version(config.variant) < version(variant);
}

/** The members of an image's config for running it (image-spec, config.md); absent ones are empty. */
export interface ImageConfig {
  readonly architecture: string;
  readonly variant: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** Absolute; default: `/`. */
  readonly workingDir: string;
  /** `user[:group]`; empty for root. */
  readonly user: string;
  readonly stopSignal: string | undefined;
  /** Absolute paths in the container. */
  readonly volumes: readonly string[];
  /** Such as `80/tcp`. */
  readonly exposedPorts: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Digests of the layers as tar archives, the lowest first; undefined where none are named. */
  readonly diffIds: readonly string[] | undefined;
  /** The image wants its health to be checked, which berth does not do. */
  readonly hasHealthcheck: boolean;
}

/**
 * Reads an image's config.
 *
 * @throws {ImageError} if it is no such config, or for another system than Linux.
 */
export function parseImageConfig(json: string): ImageConfig {
  const image: unknown = JSON.parse(json);
  if (!isRecord(image)) throw new ImageError("the image's config is not an object");
  const config = isRecord(image["config"]) ? image["config"] : {};
  const os = string(image, "os");
  if (os !== "linux") throw new ImageError(`the image is for ${os || "no system"}, not for linux`);
  const labels = config["Labels"];
  const rootfs = image["rootfs"];
  return {
    architecture: string(image, "architecture"),
    variant: string(image, "variant"),
    env: strings(config, "Env").filter((entry) => entry.includes("=") && !entry.startsWith("=")),
    entrypoint: strings(config, "Entrypoint"),
    cmd: strings(config, "Cmd"),
    workingDir: absolute(string(config, "WorkingDir")),
    user: string(config, "User"),
    stopSignal: string(config, "StopSignal") || undefined,
    volumes: [...new Set(keys(config, "Volumes").map(cleanPath))],
    exposedPorts: keys(config, "ExposedPorts"),
    labels: Object.fromEntries(
      Object.entries(isRecord(labels) ? labels : {}).map(([name, value]) => [name, String(value)]),
    ),
    diffIds: isRecord(rootfs) && rootfs["diff_ids"] !== undefined
      ? strings(rootfs, "diff_ids")
      : undefined,
    hasHealthcheck: wantsHealthcheck(config["Healthcheck"]),
  };
}

/**
 * Returns the command of a container: the entrypoint, then what the user gave or else the image's
 * Cmd. An entrypoint that the user gave replaces both of the image's (docker's rules).
 *
 * @throws {ImageError} if there is none.
 */
export function commandOf(
  config: ImageConfig,
  given: readonly string[],
  entrypoint: string | undefined,
): string[] {
  const args = entrypoint === undefined
    ? [...config.entrypoint, ...given.length > 0 ? given : config.cmd]
    : [...entrypoint === "" ? [] : [entrypoint], ...given];
  if (args.length === 0) {
    throw new ImageError("the image names no command to run: give one after its name");
  }
  return args;
}

/**
 * Returns whether an image wants health checks. `["NONE"]` turns off those of a base image (docker's image
 * spec).
 */
function wantsHealthcheck(value: unknown): boolean {
  const test = isRecord(value) ? value["Test"] : undefined;
  return Array.isArray(test) && test.length > 0 && test[0] !== "NONE";
}

/** Returns an absolute path: as docker has it, a relative one is below the root directory. */
function absolute(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}

function string(record: Record<string, unknown>, name: string): string {
  const value = record[name] ?? "";
  if (typeof value !== "string") throw new ImageError(`the image's ${name} is not a string`);
  return value;
}

function strings(record: Record<string, unknown>, name: string): string[] {
  const value = record[name] ?? [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
    throw new ImageError(`the image's ${name} is not a list of strings`);
  }
  return value;
}

/** Returns a set, which the config writes as an object with empty objects as values. */
function keys(record: Record<string, unknown>, name: string): string[] {
  const value = record[name] ?? {};
  if (!isRecord(value)) throw new ImageError(`the image's ${name} is not an object`);
  return Object.keys(value);
}
