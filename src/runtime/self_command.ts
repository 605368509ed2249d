// SPDX-License-Identifier: MIT

/**
 * The command that runs this very berth, to which arguments are added: the compiled executable, or
 * Deno with the module that was started. Where that has been removed meanwhile, as the portable
 * form's unpacked files may be, it is the file that they came from, which unpacks them again.
 */
export function selfCommand(): string[] {
  if (Deno.build.standalone) return [Deno.execPath()];
  const main = decodeURIComponent(new URL(Deno.mainModule).pathname);
  const file = Deno.env.get("BERTH_FILE");
  if (file !== undefined && !(exists(main) && exists(Deno.execPath()))) return [file];
  // A shim has little to do: V8 need not start threads of its own for it.
  return [Deno.execPath(), "run", "-A", "--v8-flags=--single-threaded,--expose-gc", main];
}

/** The file that a person would run: the executable, or where it is usually put. */
export function programPath(): string {
  return Deno.build.standalone
    ? Deno.execPath()
    : Deno.env.get("BERTH_FILE") ?? "/usr/local/bin/berth";
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
