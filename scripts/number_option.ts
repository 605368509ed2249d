// SPDX-License-Identifier: MIT

/** Returns the number that the argument `--name` gives, or `otherwise`. Exits with 2 if it is none. */
export function numberOption(name: string, otherwise: number): number {
  const at = Deno.args.indexOf(`--${name}`);
  if (at < 0) return otherwise;
  const value = Number(Deno.args[at + 1]);
  if (!(value >= 0)) {
    console.error(`--${name} takes a number`);
    Deno.exit(2);
  }
  return value;
}
