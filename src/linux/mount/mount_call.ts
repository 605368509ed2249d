// SPDX-License-Identifier: MIT
import { check, cstring, lazyLibc } from "../libc/libc.ts";

const libc = lazyLibc({
  mount: {
    parameters: [
      /* const char *source */ "buffer",
      /* const char *target */ "buffer",
      /* const char *filesystemtype */ "buffer",
      /* unsigned long mountflags */ "u64",
      /* const void *data */ "buffer",
    ],
    result: "i32",
  },
});

/** Parameters of mount(2); what is left out is null. */
export interface MountParameters {
  readonly source?: string;
  readonly target: string;
  readonly type?: string;
  /** `MS_*` of `options.ts`. */
  readonly flags: number;
  readonly data?: string;
}

/**
 * Calls mount(2).
 *
 * @param operation Purpose of the call, for the error.
 * @param what Source and target of the mount, for the error.
 * @throws LinuxError
 */
export function callMount(parameters: MountParameters, operation: string, what: string): void {
  const source = stringOrNull(parameters.source), target = cstring(parameters.target);
  const type = stringOrNull(parameters.type), data = stringOrNull(parameters.data);
  const flags = BigInt(parameters.flags);
  check(() => libc().mount(source, target, type, flags, data), operation, what);
}

function stringOrNull(text: string | undefined): Uint8Array<ArrayBuffer> | null {
  return text === undefined ? null : cstring(text);
}
