// SPDX-License-Identifier: MIT
/**
 * The public module of berth: the client library, its types and errors, and the contract as values.
 * As a main module it runs berth itself; `src/main.ts` reads the role from the arguments.
 *
 * @module
 */
import type { DaemonMethods } from "./src/client/mod.ts";
import { daemonContract } from "./src/rpc/contract/daemon.ts";

export * from "./src/client/mod.ts";

/** A schema. It is a zod schema, but only this method is part of the public API. */
export interface Schema<T> {
  /** Returns the value if it matches. Throws a `ZodError` that lists the `issues` otherwise. */
  parse(value: unknown): T;
}

/** A method of the daemon as a value. */
export interface ContractMethod<Name extends keyof DaemonMethods> {
  /** The JSON-RPC method name. */
  readonly name: Name;
  /** A line that describes the method. */
  readonly summary: string;
  /** Schema of the params, which are passed by name. */
  readonly params: Schema<DaemonMethods[Name]["params"]>;
  /** Schema of the result. */
  readonly result: Schema<DaemonMethods[Name]["result"]>;
}

/** Every method of the daemon, by name. */
export type DaemonContract = { readonly [Name in keyof DaemonMethods]: ContractMethod<Name> };

/** The methods of the daemon as values, for checking params and results or writing other clients. */
export const contract: DaemonContract = daemonContract;

if (import.meta.main) {
  // No literal, which Deno would add to the module graph: whoever imports this module would download
  // and type-check the whole program.
  const program = new URL("./src/main.ts", import.meta.url).href;
  const { main }: { main(): Promise<number | undefined> } = await import(program);
  const status = await main();
  if (status !== undefined) Deno.exit(status);
}
