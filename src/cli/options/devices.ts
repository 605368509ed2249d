// SPDX-License-Identifier: MIT
import { InvalidArgumentError } from "commander";
import type { OciDevice } from "../../oci/spec/default_spec.ts";

/**
 * Collects docker's `--device SRC[:DST[:rwm]]`; of a directory, all devices in it. Throws commander's
 * `InvalidArgumentError`.
 */
export function collectDevices(
  text: string,
  previous: readonly OciDevice[] | undefined,
): OciDevice[] {
  const [source = "", second = "", third, ...rest] = text.split(":");
  // /dev/x:rwm, as docker reads it
  const short = third === undefined && /^[rwm]{1,3}$/.test(second);
  const destination = short || second === "" ? source : second;
  const access = third ?? (short ? second : "rwm");
  if (
    !source.startsWith("/") || !destination.startsWith("/") || rest.length > 0 ||
    !/^[rwm]{1,3}$/.test(access)
  ) {
    throw new InvalidArgumentError("expected /dev/NAME, /dev/NAME:/dev/OTHER or /dev/NAME:…:rwm");
  }
  const found = devicesAt(source, destination, access);
  if (found.length === 0) throw new InvalidArgumentError(`${source} is no device`);
  return [...previous ?? [], ...found];
}

function devicesAt(source: string, destination: string, access: string): OciDevice[] {
  const info = stat(source);
  if (info.isDirectory) {
    return [...Deno.readDirSync(source)].filter(({ isSymlink }) => !isSymlink)
      .flatMap(({ name }) => devicesAt(`${source}/${name}`, `${destination}/${name}`, access));
  }
  const type = info.isBlockDevice ? "b" : info.isCharDevice ? "c" : undefined;
  if (type === undefined || info.rdev === null) return [];
  return [{
    path: destination,
    type,
    ...numbersOf(info.rdev),
    ...(info.mode !== null && { fileMode: info.mode & 0o777 }),
    ...(info.uid !== null && { uid: info.uid }),
    ...(info.gid !== null && { gid: info.gid }),
    access,
  }];
}

function stat(path: string): Deno.FileInfo {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new InvalidArgumentError(`no such device: ${path}`);
  }
}

/** Splits a device number as glibc packs it (makedev(3)). */
function numbersOf(rdev: number): { major: number; minor: number } {
  const high = Math.floor(rdev / 2 ** 32);
  const low = rdev % 2 ** 32;
  return {
    major: ((low >>> 8) & 0xfff) + (high & ~0xfff),
    minor: (low & 0xff) + ((low >>> 12) & 0xfff00),
  };
}
