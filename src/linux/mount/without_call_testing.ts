// SPDX-License-Identifier: MIT
// Runs a command as on a kernel without a system call, for tests.

/** Makes a system call fail with ENOSYS by a filter of seccomp(2), then becomes the command. */
const SCRIPT = `
import ctypes, os, struct, sys
def op(code, jt, jf, k): return struct.pack("HBBI", code, jt, jf, k)
program = op(0x20, 0, 0, 0) + op(0x15, 0, 1, int(sys.argv[1])) + op(0x06, 0, 0, 0x50026) + op(0x06, 0, 0, 0x7fff0000)
buffer = ctypes.create_string_buffer(program)
filter = struct.pack("HxxxxxxQ", 4, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.c_char_p(filter), 0, 0): sys.exit("no seccomp")
os.execvp(sys.argv[2], sys.argv[2:])
`;

/** The number of fsopen(2), the same on all machines. */
export const FSOPEN = 430;

/**
 * Returns the arguments of python3 that run a command as on a kernel without this system call, for one
 * whose number is the same on all machines.
 */
export function withoutCall(number: number, command: readonly string[]): string[] {
  return ["-c", SCRIPT, String(number), ...command];
}
