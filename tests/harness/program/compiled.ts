// SPDX-License-Identifier: MIT
import { program } from "../run.ts";

/** The compiled berth that is under test; undefined where berth is tested in another form. */
function compiledFile(): string | undefined {
  const [file = "", ...more] = program();
  if (more.length > 0) return undefined;
  using opened = Deno.openSync(file);
  const magic = new Uint8Array(4);
  opened.readSync(magic);
  // elf(5). The portable form and what `deno task test` starts are scripts.
  return new TextDecoder().decode(magic) === "\x7fELF" ? file : undefined;
}

/**
 * Registers a test of the compiled form. For any other form it is ignored, as it is where `obstacle`
 * finds a reason why this file cannot show it; the test's name says why.
 */
export function testCompiled(
  name: string,
  body: (file: string) => Promise<void>,
  obstacle: (file: string) => string | undefined = () => undefined,
): void {
  const file = compiledFile();
  const reason = file === undefined ? "only in the compiled form" : obstacle(file);
  Deno.test({
    name: reason === undefined ? name : `${name} (${reason})`,
    ignore: reason !== undefined,
    fn: async () => {
      if (file !== undefined) await body(file);
    },
  });
}

/** Registers a test that fails in the compiled form, in which it is ignored; its name says why. */
export function testNotCompiled(name: string, why: string, body: () => Promise<void>): void {
  const ignore = compiledFile() !== undefined;
  Deno.test({ name: ignore ? `${name} (${why})` : name, ignore, fn: body });
}
