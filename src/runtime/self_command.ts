// SPDX-License-Identifier: MIT

/**
 * The command that runs this very berth, to which arguments are added: the compiled executable, or
 * Deno with the module that was started.
 */
export function selfCommand(): string[] {
  if (Deno.build.standalone) return [Deno.execPath()];
  const main = decodeURIComponent(new URL(Deno.mainModule).pathname);
  // A shim has little to do: V8 need not start threads of its own for it.
  return [Deno.execPath(), "run", "-A", "--v8-flags=--single-threaded,--expose-gc", main];
}
