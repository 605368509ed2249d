// SPDX-License-Identifier: MIT
import { E2BIG, EINVAL, LinuxError } from "../libc/errno.ts";
import { cstring, lazyLibc, retry } from "../libc/libc.ts";
import { type LongOverlay, mountLongOverlay, parseLongOverlay } from "./long_overlay.ts";
import { callMount } from "./mount_call.ts";
import * as ms from "./options.ts";
import { inDirectory, relativeLowers } from "./relative_lowers.ts";
import { unmount } from "./unmount.ts";

const libc = lazyLibc({
  statfs: {
    parameters: [/* const char *path */ "buffer", /* struct statfs *buf */ "buffer"],
    result: "i32",
  },
  sysconf: { parameters: [/* int name */ "i32"], result: "i64" },
});

/** A mount and its place, as in the OCI spec and `container.create`'s rootfs. */
export interface MountSpec {
  /** File system type; without meaning for a bind mount. */
  readonly type?: string;
  /** Device, directory or name to mount; the type stands in where it is empty. */
  readonly source?: string;
  /** Existing path, taken as it is: see `mountInRoot` for one inside a rootfs. */
  readonly target: string;
  /** As mount(8) takes them; what is no flag goes to the file system. */
  readonly options?: readonly string[];
}

/**
 * Makes a mount. Wholly or not at all: where a later step fails (read-only, propagation), the mount
 * is taken away again.
 *
 * A bind mount is asked for by type or by option. Flags beside it need a second call, for the kernel
 * ignores them in the first; what the source's mount forbids already (nosuid, …) stays forbidden
 * unless the options ask otherwise. As in mount(8), `rbind,ro` makes only the top mount read-only.
 * Options of propagation alone, with neither type nor source, change the mount that is at `target`.
 *
 * @throws LinuxError whose message has source and target; E2BIG when the file system's options do
 *   not fit in the page that mount(2) takes; EINVAL for an option that a bind mount does not know
 */
export function mount(spec: MountSpec): void {
  const options = ms.parseMountOptions(spec.options ?? []);
  const call = new MountCall(spec, options.data);
  const bind = isBind(spec, options);
  const flags = options.set & ~(ms.MS_BIND | ms.MS_REC);
  if (bind && options.data !== "") {
    // The kernel would ignore it, and the caller would believe in it.
    throw new LinuxError(EINVAL, "mount", `${call.what}: not for a bind mount`);
  }
  if (isPropagationOnly(spec, options)) return call.propagate(options.propagation);
  if ((flags & ms.MS_REMOUNT) !== 0) {
    call.run(bind ? flags | ms.MS_BIND : flags);
    return call.propagate(options.propagation);
  }
  call.run(bind ? ms.MS_BIND | (options.set & ms.MS_REC) : flags);
  try {
    if (bind && flags !== 0) {
      const kept = currentFlags(spec.target) & ~options.clear;
      call.run(ms.MS_REMOUNT | ms.MS_BIND | flags | kept);
    }
    call.propagate(options.propagation);
  } catch (error) {
    unmount(spec.target, { detach: true });
    throw error;
  }
}

/** Returns whether `spec` changes a mount that is there, instead of making one. */
export function changesMount(spec: MountSpec): boolean {
  const options = ms.parseMountOptions(spec.options ?? []);
  return isPropagationOnly(spec, options) || (options.set & ms.MS_REMOUNT) !== 0;
}

/** Returns whether `spec` makes a bind mount, of a file or a directory. */
export function isBind(
  { type, options }: MountSpec,
  parsed = ms.parseMountOptions(options ?? []),
): boolean {
  return type === "bind" || (parsed.set & ms.MS_BIND) !== 0;
}

function isPropagationOnly(spec: MountSpec, options: ms.MountOptions): boolean {
  const given = (text: string | undefined) => text !== undefined && text !== "" && text !== "none";
  return options.propagation.length > 0 && options.set === 0 && options.data === "" &&
    !given(spec.type) && !given(spec.source);
}

/** mount(2) with everything but the flags fixed. */
class MountCall {
  /** Source and target as they stand in an error. */
  readonly what: string;
  readonly #source: string;
  readonly #target: string;
  readonly #type: string;
  readonly #data: string;
  /** The working directory that paths in the options are relative to. */
  readonly #dir: string | undefined;
  /** The overlay whose options mount(2) has no room for. */
  readonly #long: LongOverlay | undefined;

  constructor({ type = "", source = "", target }: MountSpec, data: string) {
    this.#source = source || type || "none";
    this.#target = target;
    this.#type = type;
    const what = `${this.#source} on ${target}`;
    this.what = data === "" ? what : `${what} (${type}, ${data})`;
    const relative = fits(data) ? undefined : relativeLowers(data);
    this.#dir = relative?.dir;
    this.#data = relative?.data ?? data;
    if (fits(this.#data)) return;
    this.#long = type === "overlay" ? parseLongOverlay(data) : undefined;
    if (this.#long === undefined) throw tooLong(what, data);
  }

  run(flags: number): void {
    if (this.#long !== undefined) {
      if ((flags & ms.MS_REMOUNT) !== 0) throw tooLong(this.#target, this.#data);
      return mountLongOverlay(this.#long, this.#source, this.#target, flags);
    }
    const data = this.#data;
    if (this.#dir === undefined) this.#call(flags, data);
    else inDirectory(this.#dir, () => this.#call(flags, data));
  }

  propagate(changes: readonly number[]): void {
    for (const change of changes) this.#call(change, "");
  }

  #call(flags: number, data: string): void {
    const source = this.#source, target = this.#target, type = this.#type;
    const call = { source, target, type, flags, ...(data !== "" && { data }) };
    callMount(call, "mount", this.what);
  }
}

function tooLong(what: string, data: string): LinuxError {
  const sizes = `${data.length} bytes of options, mount(2) takes at most ${pageSize() - 1}`;
  return new LinuxError(E2BIG, "mount", `${what}: ${sizes}`);
}

/**
 * Returns whether mount(2) takes these options: it takes one page, NUL included, and cuts off the
 * rest.
 */
function fits(data: string): boolean {
  // No character has more than three bytes a UTF-16 unit: most options need not be encoded for this.
  return data.length * 3 < 4096 || cstring(data).length <= pageSize();
}

function pageSize(): number {
  const _SC_PAGESIZE = 30;
  return Number(libc().sysconf(_SC_PAGESIZE));
}

/** Returns the flags of a mount that a bind remount would drop, from `f_flags` of statfs(2). */
function currentFlags(path: string): number {
  const buffer = new Uint8Array(120);
  retry(() => libc().statfs(cstring(path), buffer), "statfs", path);
  const flags = Number(new DataView(buffer.buffer).getBigUint64(80, true));
  // ST_RDONLY … ST_NOEXEC are numbered as MS_*; ST_NOSYMFOLLOW (include/linux/statfs.h) is not.
  // The kernel itself keeps the kind of atime in a remount that names none.
  const same = ms.MS_RDONLY | ms.MS_NOSUID | ms.MS_NODEV | ms.MS_NOEXEC;
  const ST_NOSYMFOLLOW = 0x2000;
  return (flags & same) | ((flags & ST_NOSYMFOLLOW) !== 0 ? ms.MS_NOSYMFOLLOW : 0);
}
