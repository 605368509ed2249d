// SPDX-License-Identifier: MIT
import { InvalidArgumentError } from "commander";
import { isMountOption } from "../../linux/mount/options.ts";

/** A mount as the command line gives it: OCI's members. */
export interface MountOption {
  readonly type: string;
  readonly source: string;
  readonly destination: string;
  readonly options: string[];
}

/** Parses `type=bind,src=/a,dst=/b,options=ro:nosuid`, with docker's other names for these too. */
export function parseMount(text: string): MountOption {
  const values = new Map<string, string>();
  const options: string[] = [];
  for (const part of text.split(",")) {
    const at = part.indexOf("=");
    const key = at < 0 ? part : part.slice(0, at);
    const value = at < 0 ? "" : part.slice(at + 1);
    switch (key) {
      case "type":
      case "src":
      case "dst":
        values.set(key, value);
        break;
      case "source":
        values.set("src", value);
        break;
      case "destination":
      case "target":
        values.set("dst", value);
        break;
      case "options":
        options.push(...value.split(":").filter((option) => option !== ""));
        break;
      case "ro":
      case "readonly":
        options.push("ro");
        break;
      default:
        throw new InvalidArgumentError(
          `unknown key ${JSON.stringify(key)}: expected type, src, dst, options or readonly`,
        );
    }
  }
  const type = values.get("type") ?? "bind";
  const destination = values.get("dst") ?? "";
  const source = values.get("src") ?? (type === "bind" ? "" : type);
  if (!destination.startsWith("/")) {
    throw new InvalidArgumentError("dst must be an absolute path in the container");
  }
  if (type === "bind") {
    if (source === "") throw new InvalidArgumentError("a bind mount needs src");
    return { type, source: absolute(source), destination, options: bindOptions(options) };
  }
  const bound = options.includes("bind") || options.includes("rbind");
  return { type, source, destination, options: bound ? bindOptions(options) : options };
}

/** Parses docker's `SRC:DST[:OPTIONS]`. */
export function parseVolume(text: string): MountOption {
  const [source, destination, options = "", ...rest] = text.split(":");
  if (!source || !destination?.startsWith("/") || rest.length > 0) {
    throw new InvalidArgumentError("expected /source:/destination or /source:/destination:ro");
  }
  return {
    type: "bind",
    source: absolute(source),
    destination,
    options: bindOptions(options.split(",").filter((option) => option !== "" && option !== "rw")),
  };
}

/** `path`, from this process's working directory on where it is relative. */
export function absolute(path: string): string {
  if (path.startsWith("/")) return path;
  return `${Deno.cwd()}/${path}`.replace(/(\/\.)+(?=\/|$)/g, "");
}

// What OCI runtimes know besides mount(8): attributes of the mounts below, and mapped ids.
const OCI_OPTION =
  /^r(?:ro|rw|(?:no)?(?:suid|dev|exec|atime|diratime|relatime|strictatime|symfollow))$|^r?idmap$/;

function bindOptions(options: readonly string[]): string[] {
  const unknown = options.find((option) => !isMountOption(option) && !OCI_OPTION.test(option));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`unknown mount option ${JSON.stringify(unknown)}`);
  }
  const bound = options.some((option) => option === "bind" || option === "rbind");
  return bound ? [...options] : ["rbind", ...options];
}
