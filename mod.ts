// SPDX-License-Identifier: MIT
/**
 * The public face of berth: the client of its daemon, its types and errors, and the contract as
 * values. Run as a program it is berth itself, whose role argv tells (see `src/main.ts`).
 *
 * @module
 */
import type { DaemonMethods } from "./src/client/mod.ts";
import { daemonContract } from "./src/rpc/contract/daemon.ts";

export * from "./src/client/mod.ts";

/** What a value has to be like: a zod schema, of which no more is promised here. */
export interface Schema<T> {
  /** Answers the value if it fits; throws a `ZodError`, whose `issues` say where it does not. */
  parse(value: unknown): T;
}

/** One method of the daemon as a value. */
export interface ContractMethod<Name extends keyof DaemonMethods> {
  /** The JSON-RPC method name. */
  readonly name: Name;
  /** One line saying what the method does. */
  readonly summary: string;
  /** The schema of the by-name params. */
  readonly params: Schema<DaemonMethods[Name]["params"]>;
  /** The schema of the result. */
  readonly result: Schema<DaemonMethods[Name]["result"]>;
}

/** Every method of the daemon, by its name. */
export type DaemonContract = { readonly [Name in keyof DaemonMethods]: ContractMethod<Name> };

/** The methods of the daemon as values: to check params and results by, to make other clients of. */
export const contract: DaemonContract = daemonContract;

if (import.meta.main) {
  const { main } = await import("./src/main.ts");
  const status = await main();
  if (status !== undefined) Deno.exit(status);
}
